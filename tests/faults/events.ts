import type { NewEvent } from '../../src/lib/server/log/types.ts';
import type { TestUser } from '../support/app-server.ts';
import type { Fact, Ledger, Payload } from './ledger.ts';
import type { Random } from './random.ts';

/** Topics with their share of the events. */
export type Shares = readonly (readonly [share: number, topic: string])[];

/** Readers toggle the rarer ones, so that replays can end. */
const TOPICS: Shares = [
	[35, 'a'],
	[25, 'b'],
	[20, 'c'],
	[15, 'd'],
	[5, 'e']
];

/** Properties that are not random. */
export interface MakeOptions {
	keyed?: boolean;
	business?: boolean;
	poison?: boolean;
	topic?: string;
	/** null: for everyone. */
	userId?: string | null;
}

/** Creates events for one writer, each with a unique tag, and declares them in the ledger. */
export class EventMaker {
	readonly #random: Random;
	readonly ledger: Ledger;
	readonly #users: readonly TestUser[];
	readonly #writer: string;
	readonly #topics: Shares;
	#count = 0;

	constructor(
		writer: string,
		random: Random,
		ledger: Ledger,
		users: readonly TestUser[],
		topics = TOPICS
	) {
		this.#topics = topics;
		this.#writer = writer;
		this.#random = random;
		this.ledger = ledger;
		this.#users = users;
	}

	make(options: MakeOptions = {}): Fact {
		const tag = `${this.#writer}-${++this.#count}`;
		return this.ledger.declare({
			tag,
			topic: options.topic ?? this.#random.weighted(this.#topics),
			userId:
				options.userId !== undefined
					? options.userId
					: this.#random.chance(0.4)
						? this.#random.pick(this.#users).id
						: null,
			key: options.keyed ? `key-${tag}` : null,
			business: options.business ?? false,
			poison: options.poison ?? false
		});
	}

	/** Creates a random number of events, mostly one. */
	some(options: MakeOptions = {}): Fact[] {
		const count = this.#random.chance(0.7) ? 1 : this.#random.between(2, 6);
		return Array.from({ length: count }, () => this.make(options));
	}

	payload(fact: Fact): Payload {
		const pad = this.#random.chance(0.1) ? 'x'.repeat(this.#random.between(1000, 6000)) : undefined;
		return { tag: fact.tag, pad };
	}

	/** In the form of the application's `append`. */
	toEvent(fact: Fact): NewEvent {
		const { topic, userId, key } = fact;
		return { topic, userId, data: this.payload(fact), ...(key === null ? {} : { key }) };
	}
}
