import type { Queryable } from '../../database/queryable.ts';
import { mayPass } from '../../database/transient.ts';
import type { Logger } from '../../work/logger.ts';
import { startLoop, type Loop } from '../../work/loop.ts';
import { Trouble } from '../../work/trouble.ts';
import { PageSize } from '../page-size.ts';
import { lostTransaction } from '../transaction.ts';
import type { LogEvent, Transaction } from '../types.ts';
import { GivenUp, isLostTransaction } from './attempt.ts';
import {
	handleAgain,
	handleBatch,
	NotAwaited,
	Refused,
	type Job,
	type KnownFailure
} from './batch.ts';
import {
	gapOf,
	readConsumed,
	readConsumedEvent,
	readMissed,
	type ConsumedPage
} from './consumed-page.ts';
import type { ConsumedTopics } from './consumed-topics.ts';
import { claimDue, noteError, textOf, unclaim } from './failures.ts';
import {
	addTopics,
	beginAgain,
	countBatch,
	leastOf,
	look,
	passBy,
	takeBackBatch,
	touch
} from './positions.ts';
import type { Consumer, ConsumeOptions, ConsumerGap, EventHandler, Event, Seen } from './types.ts';

/** Events of one transaction, at most: for each one more, Postgres remembers a savepoint. */
const BATCH = 64;
const BYTES = 2 * 1_048_576;

/** How many batches of a single event may die, one after the other, before the event is left for later. */
const DEATHS = 3;

/** Time between two looks when nothing wakes it, and between two when another process is at work. Milliseconds. */
const POLL_MS = 1000;
const BUSY_MS = 100;

const ENDED = 'Its attempts have not ended: the process has, or the transaction was refused.';

type State = 'more' | 'all' | 'busy';

/** What a consumer is made of. */
export interface ConsumerParts<Tx extends Transaction> {
	name: string;
	schema: string;
	topics: ConsumedTopics;
	handler: EventHandler<Tx>;
	options: ConsumeOptions<Tx>;
	logger: Logger;
}

/** One consumer: handles the events of its topics one after the other, across all processes. */
export class OneConsumer<Tx extends Transaction> implements Consumer {
	readonly name: string;
	readonly #topics: ConsumedTopics;
	readonly #job: Job<Tx>;
	readonly #from: 'beginning' | 'now';
	/** Behind it, a topic begins that has no position yet. */
	#start = 0n;
	readonly #onGap: (gap: ConsumerGap) => unknown;
	readonly #logger: Logger;
	readonly #failures: Trouble;
	readonly #giveUp = new AbortController();
	readonly #size = new PageSize({ most: BATCH, bytes: BYTES });
	/** What must be taken back before anything else: counts of attempts that failed without a fault of their events. */
	readonly #debts: (() => Promise<void>)[] = [];
	/** Events that are not tried again before the consumer has passed them. */
	readonly #known = new Map<bigint, KnownFailure>();
	/** Topic → horizon of the last gap that was told. */
	readonly #told = new Map<string, bigint>();
	/** Least position at the last look. */
	#least = 0n;
	/** So many events are handled one by one: a batch of so many has died, or its transaction was refused. */
	#careful = 0;
	#on: Queryable | null = null;
	#loop: Loop | null = null;
	#stopping = false;
	#lag = 0;

	constructor({ name, schema, topics, handler, options, logger }: ConsumerParts<Tx>) {
		this.name = name;
		this.#topics = topics;
		this.#from = options.from ?? 'beginning';
		this.#logger = logger.child({ source: `consumer ${name}` });
		const tell = (gap: ConsumerGap) =>
			this.#logger.warn({ ...gap }, 'events were trimmed before this consumer has read them');
		this.#onGap = options.onGap ?? tell;
		this.#failures = new Trouble(this.#logger, {
			lasts: 'events fail; they are tried again later, and the others go on',
			over: 'events are handled again'
		});
		const { transaction, timeoutMs = 30_000, attempts = 13, backOffMs = 1000 } = options;
		const filled = { transaction, timeoutMs, attempts, backOffMs };
		const giveUp = this.#giveUp.signal;
		this.#job = { name, schema, topics: topics.names, handler, options: filled, giveUp };
	}

	get failing(): boolean {
		return this.#loop?.failing ?? false;
	}

	get lag(): number {
		return this.#lag;
	}

	/**
	 * @param on for statements of its own, each committed at once
	 * @param tail an id that was committed before the consumer was asked for: what is emitted later is behind it
	 */
	begin(on: Queryable, tail: bigint): void {
		if (this.#stopping) return;
		if (this.#from === 'now') this.#start = tail;
		this.#on = on;
		this.#loop = startLoop({
			name: `consumer ${this.name}`,
			logger: this.#logger,
			lines: { lasts: 'the consumer cannot go on; trying again', over: 'the consumer goes on' },
			round: () => this.#round(on)
		});
	}

	/** Looks now, if one of the events is for it. */
	wake(events: readonly LogEvent[]): void {
		if (events.some(({ topic }) => this.#topics.find(topic) !== null)) this.#loop?.wake();
	}

	/** @param graceMs how long the handler that runs may take */
	async stop(graceMs = 5000): Promise<void> {
		this.#stopping = true;
		const ended = this.#loop?.stop();
		const late = setTimeout(() => this.#giveUp.abort(), graceMs);
		await ended;
		clearTimeout(late);
		if (this.#on) await this.#payDebts().catch((error: unknown) => this.#failures.met(error));
	}

	/** @returns milliseconds until the next look */
	async #round(on: Queryable): Promise<number> {
		await this.#payDebts();
		const { topics } = this.#job;
		const { rows, head, given, dueInMs, isOld } = await look(on, this.name, topics);
		if (rows.length < topics.length) {
			await addTopics(on, this.name, topics, this.#start);
			return 0;
		}
		const least = leastOf(rows);
		// Positions go back only when the log was replaced, here or by another process: the ids are those of other events now.
		if (least < this.#least) {
			this.#known.clear();
			this.#told.clear();
		}
		this.#least = least;
		const beyond = rows.filter(({ position }) => position > given);
		if (beyond.length > 0) {
			for (const row of beyond) await this.#onGap(gapOf(this.#topics, row, []));
			await beginAgain(on, this.name, beyond);
			return 0;
		}
		this.#lag = Math.max(0, Number(head - least));
		const due = dueInMs !== null && dueInMs <= 0 && (await this.#retry(on));
		const state = least < head ? await this.#next(on, rows, head) : 'all';
		// Retention waits only for consumers that it has seen of late.
		if (isOld && least >= head) await touch(on, this.name, rows);
		if (state === 'busy') return BUSY_MS * (1 + Math.random());
		if (state === 'more' || due) return 0;
		return dueInMs === null || dueInMs <= 0 ? POLL_MS : Math.min(POLL_MS, dueInMs);
	}

	async #payDebts(): Promise<void> {
		for (let debt = this.#debts[0]; debt; debt = this.#debts[0]) {
			await debt();
			this.#debts.shift();
		}
	}

	/** Handles the next batch. */
	async #next(on: Queryable, rows: readonly Seen[], head: bigint): Promise<State> {
		const page = await readConsumed(on, this.#topics, rows, { head, size: this.#size });
		await this.#tellGaps(on, rows, page.events);
		if (page.events.length === 0) {
			await passBy(on, this.name, rows, page.upto);
			return page.upto < head ? 'more' : 'all';
		}
		return this.#handle(on, rows, page);
	}

	async #handle(on: Queryable, rows: readonly Seen[], page: ConsumedPage): Promise<State> {
		const at = leastOf(rows);
		let isCounted = false;
		let isOver = false;
		const takeBack = () => {
			if (isCounted) this.#debts.push(() => takeBackBatch(on, this.name, at));
		};
		const begin = async () => {
			// A transaction that nobody waits for may come here late. Nobody would take its count back.
			if (isOver) throw lostTransaction();
			isCounted = true;
			const deaths = await countBatch(on, this.name, at);
			if (deaths > 0) this.#careful = BATCH;
			if (deaths >= DEATHS) this.#known.set(page.events[0]!.id, { error: ENDED, attempts: 1 });
			return this.#careful > 0 ? 1 : page.events.length;
		};
		try {
			const isEnough = () => this.#stopping;
			const batch = { ...page, known: this.#known, begin, isEnough };
			const end = await handleBatch(this.#job, rows, batch);
			if (!end) return 'busy';
			if (this.#careful > 0) this.#careful--;
			for (const { id } of page.events) if (id <= end.upto) this.#known.delete(id);
			for (const { event, error, forGood } of end.failed) this.#tellFailure(event, error, forGood);
			if (end.failed.length === 0) this.#failures.over();
			return 'more';
		} catch (error) {
			isOver = true;
			if (error instanceof GivenUp) {
				takeBack();
				if (error.because === 'late') {
					this.#known.set(error.event, { error: error.message, attempts: 1 });
				}
				return 'more';
			}
			// Else the count stays: the transaction was refused for what a handler has written.
			if (isPassing(error)) takeBack();
			throw error;
		}
	}

	/**
	 * Tries a failed event again.
	 *
	 * @returns true when another one may be due
	 */
	async #retry(on: Queryable): Promise<boolean> {
		const { name, topics, options } = this.#job;
		const claim = await claimDue(on, name, topics, options);
		if (!claim) return false;
		const takeBack = () => {
			this.#debts.push(() => unclaim(on, name, claim));
		};
		try {
			const event = await readConsumedEvent(on, this.#topics, claim, this.#size);
			const end = await handleAgain(this.#job, claim, event);
			if (!end) {
				takeBack();
				return false;
			}
			if (end.error !== null) this.#tellFailure(claim, end.error, end.forGood);
			return true;
		} catch (error) {
			if (error instanceof GivenUp ? error.because === 'stop' : isPassing(error)) {
				takeBack();
				if (error instanceof GivenUp) return false;
				throw error;
			}
			// Its transaction was refused, or it took too long: the attempt counts.
			this.#tellFailure(claim, textOf(error), false);
			this.#debts.push(() => noteError(on, name, claim, textOf(error)));
			return true;
		}
	}

	async #tellGaps(on: Queryable, rows: readonly Seen[], events: readonly Event[]): Promise<void> {
		for (const { topic, horizon } of await readMissed(on, rows)) {
			if ((this.#told.get(topic) ?? -1n) >= horizon) continue;
			const row = rows.find((row) => row.topic === topic)!;
			await this.#onGap(gapOf(this.#topics, row, events));
			this.#told.set(topic, horizon);
		}
	}

	#tellFailure({ id, topic }: Pick<Event, 'id' | 'topic'>, error: string, forGood: boolean): void {
		const about = { id: id.toString(), topic, reason: error };
		if (forGood) this.#logger.error(about, 'an event was set aside: it is in dead_letters now');
		else this.#failures.met(new Error(`event ${id} of "${topic}": ${error}`));
	}
}

/** @returns true when it is the fault of the database, of the option `transaction`, or nobody's, and not the event's */
const isPassing = (error: unknown) =>
	error instanceof NotAwaited ||
	(!(error instanceof Refused) && (mayPass(error) || isLostTransaction(error)));
