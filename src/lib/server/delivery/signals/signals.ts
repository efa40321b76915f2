import { setImmediate as turn } from 'node:timers/promises';
import type { Queryable } from '../../database/queryable.ts';
import { arrayLiteral } from '../../database/array-literal.ts';
import type { Logger } from '../../work/logger.ts';
import { startLoop, type Loop } from '../../work/loop.ts';
import type { Hub, ReceivedSignal } from '../hub.ts';
import type { AcceptedSignal } from './accept.ts';
import { pack, unpack, type Packet } from './packets.ts';
import { portionsOf } from './portions.ts';
import { SignalQueue } from './queue.ts';

/** Least time between two statements, in milliseconds. Meanwhile signals are collected. */
const EVERY_MS = 40;

/** How long a packet waits until the server has read the log up to its head. Then it is dropped. Milliseconds. */
const PATIENCE_MS = 1000;

/** A connection of its own: what waits for the database must not wait behind anything else. */
type Connection = Queryable & { end(): Promise<void> };

/** Bounds of what waits to be sent. */
const QUEUE = { signals: 10_000, octets: 4 * 1_048_576 };

/** Octets of one statement. */
const STATEMENT_OCTETS = 1_048_576;

/** Packets that may wait for the tail. The oldest are dropped. */
const MAX_ARRIVED = 1000;

/** Signals that are handed over in one turn of the event loop. */
const PORTION = 25;

/**
 * The signals of one process: those that it sends, and those that its streams get.
 *
 * A packet carries the head of the log at its sending. A server delivers it when it has read the log up to there. So what was
 * revoked before the signal was sent is revoked when it is delivered. While losses of grants wait for their place in the log,
 * nothing is sent.
 */
export class Signals {
	readonly name = 'signals';
	readonly #connection: Connection;
	readonly #hub: Hub;
	/** Epoch of the log that the server reads. */
	readonly #epoch: () => string;
	readonly #logger: Logger;
	readonly #queue = new SignalQueue(QUEUE);
	readonly #arrived: Packet[] = [];
	readonly #stopping = new AbortController();
	#sending: Loop | null = null;
	#receiving: Loop | null = null;
	/** True while the sending loop sleeps until it is woken. */
	#idle = false;
	#late = 0;

	/** @param parts.connection used only here, and closed here */
	constructor(parts: { connection: Connection; hub: Hub; epoch: () => string; logger: Logger }) {
		this.#connection = parts.connection;
		this.#hub = parts.hub;
		this.#epoch = parts.epoch;
		this.#logger = parts.logger;
	}

	/** Number of signals or packets that were dropped: the queue was full, or they came too late. */
	get dropped(): number {
		return this.#queue.dropped + this.#late;
	}

	/** True when the last signals could not be sent or delivered. */
	get failing(): boolean {
		return Boolean(this.#sending?.failing || this.#receiving?.failing);
	}

	start(): void {
		const logger = this.#logger;
		this.#sending = startLoop({
			name: this.name,
			logger,
			round: () => this.#send(),
			lines: {
				lasts: 'signals cannot be sent; the newest are kept',
				over: 'signals are sent again'
			}
		});
		this.#receiving = startLoop({ name: 'signals in', logger, round: () => this.#deliver() });
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await Promise.all([this.#sending?.stop(), this.#receiving?.stop()]);
		await this.#connection.end();
	}

	/** Queues a signal. It is sent within {@link EVERY_MS} if the database responds. */
	send(signal: AcceptedSignal): void {
		this.#queue.put(signal, performance.now());
		if (!this.#idle) return;
		this.#idle = false;
		this.#sending?.wake();
	}

	/** Takes a notification. */
	receive(payload: string): void {
		let packet: Packet;
		try {
			packet = unpack(payload);
		} catch (error) {
			this.#logger.warn({ err: error }, 'a notification of logline_signals is not of the log');
			return;
		}
		if (packet.epoch !== this.#epoch()) return;
		if (this.#arrived.length >= MAX_ARRIVED) {
			this.#arrived.shift();
			this.#late++;
		}
		this.#arrived.push(packet);
		this.#receiving?.wake();
	}

	/** @returns milliseconds until the next statement */
	async #send(): Promise<number> {
		const signals = this.#queue.take(STATEMENT_OCTETS, performance.now());
		if (signals.length === 0) {
			this.#idle = true;
			return Infinity;
		}
		const sent = await this.#connection.query<{ one: number }>(
			// A row for each packet, or none while losses wait.
			`SELECT 1 AS one, pg_notify('logline_signals', head.text || packet)
			FROM (SELECT epoch || ' ' || coalesce((SELECT max(id) FROM events), 0) || E'\\n' AS text FROM log_state) AS head,
				unnest($1::text[]) AS packet
			WHERE NOT EXISTS (SELECT FROM grant_losses)`,
			[arrayLiteral(pack(signals))]
		);
		// They end by themselves, so this does not go on for ever.
		if (sent.length === 0) this.#queue.putBack(signals);
		return EVERY_MS;
	}

	/** Delivers the packets that have arrived, in order. */
	async #deliver(): Promise<number> {
		for (let first = this.#arrived[0]; first; first = this.#arrived[0]) {
			if (first.head > this.#hub.tail && !(await this.#reached(first.head))) {
				if (this.#stopping.signal.aborted) return Infinity;
				this.#late++;
				if (this.#arrived[0] === first) this.#arrived.shift();
				continue;
			}
			// What waited longer than the first is behind it, and has its head.
			const upTo = first.head > this.#hub.tail ? first.head : this.#hub.tail;
			const ready: Packet[] = [];
			while (this.#arrived[0] && this.#arrived[0].head <= upTo) ready.push(this.#arrived.shift()!);
			await this.#hand(ready.flatMap(({ signals }) => signals));
		}
		return Infinity;
	}

	/** Hands signals to the streams, some at a time: other work of the process must not wait for thousands of sockets. */
	async #hand(signals: readonly ReceivedSignal[]): Promise<void> {
		for (const portion of portionsOf(signals, PORTION)) {
			this.#hub.signal(portion);
			await turn();
		}
	}

	/** @returns false when the tail has not reached the id in time */
	async #reached(id: bigint): Promise<boolean> {
		const late = new AbortController();
		const timer = setTimeout(() => late.abort(), PATIENCE_MS);
		const stop = () => late.abort();
		this.#stopping.signal.addEventListener('abort', stop, { once: true });
		try {
			await this.#hub.reached(id, late.signal);
			return !late.signal.aborted;
		} finally {
			clearTimeout(timer);
			this.#stopping.signal.removeEventListener('abort', stop);
		}
	}
}
