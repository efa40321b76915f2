import type { NewEvent } from '../../src/lib/server/log/types.ts';
import type { TestUser } from '../support/app-server.ts';
import type { Fact, Ledger, Payload } from './ledger.ts';
import type { Random } from './random.ts';

/** Topics by how much is written to them. The rarer ones are the ones that readers toggle, so that replays end. */
const TOPICS = [
	[35, 'a'],
	[25, 'b'],
	[20, 'c'],
	[15, 'd'],
	[5, 'e']
] as const;

/** Makes events for one writer, each with a name of its own, and declares them in the ledger. */
export class EventMaker {
	readonly #random: Random;
	readonly ledger: Ledger;
	readonly #users: readonly TestUser[];
	readonly #writer: string;
	#count = 0;

	constructor(writer: string, random: Random, ledger: Ledger, users: readonly TestUser[]) {
		this.#writer = writer;
		this.#random = random;
		this.ledger = ledger;
		this.#users = users;
	}

	make(options: { keyed?: boolean; business?: boolean; topic?: string } = {}): Fact {
		const tag = `${this.#writer}-${++this.#count}`;
		return this.ledger.declare({
			tag,
			topic: options.topic ?? this.#random.weighted(TOPICS),
			userId: this.#random.chance(0.4) ? this.#random.pick(this.#users).userId : null,
			key: options.keyed ? `key-${tag}` : null,
			business: options.business ?? false
		});
	}

	/** As many as the dice say, mostly one. */
	some(options: { keyed?: boolean; business?: boolean; topic?: string } = {}): Fact[] {
		const count = this.#random.chance(0.7) ? 1 : this.#random.between(2, 6);
		return Array.from({ length: count }, () => this.make(options));
	}

	payload(fact: Fact): Payload {
		const pad = this.#random.chance(0.1) ? 'x'.repeat(this.#random.between(1000, 6000)) : undefined;
		return { tag: fact.tag, pad };
	}

	/** As the application's `append` takes it. */
	toEvent(fact: Fact): NewEvent {
		const { topic, userId, key } = fact;
		return { topic, userId, data: this.payload(fact), ...(key === null ? {} : { key }) };
	}
}
