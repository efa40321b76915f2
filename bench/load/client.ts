import { connect, type Socket } from 'node:net';
import { now } from '../stage/clock.ts';
import type { Handshake } from './protocol.ts';

/** This byte occurs once in each event, and nowhere else in the output of a server. */
const MARK = 0x5e; // ^
const SPACE = 0x20;

/** What a client reports to its generator. */
export interface Listener {
	onReady(client: Client): void;
	/** The connection has ended, or the response was not a stream. */
	onLost(client: Client, reason: string): void;
	/** `count` more events have arrived, in a read of `bytes`. */
	onEvents(client: Client, count: number, bytes: number): void;
	/** Called for each event while latencies are recorded. */
	onLatency: ((ms: number) => void) | null;
}

/** All sockets of a process read into this buffer: data is processed before the next read. */
const shared = Buffer.allocUnsafe(262_144);

/** A connection that only looks for the mark bytes: parsing would measure the parser. */
export class Client {
	/** Events since it was last set to 0. */
	events = 0;
	ready = false;
	readonly #socket: Socket;
	readonly #listener: Listener;
	readonly #handshake: Handshake;
	#step = 0;
	#greeting = '';
	/** A timestamp that was cut in two by the end of a read. */
	#rest = '';
	#lost = false;

	constructor(number: number, port: number, handshake: Handshake, listener: Listener) {
		this.#listener = listener;
		this.#handshake = handshake;
		this.#socket = connect({
			port,
			host: '127.0.0.1',
			noDelay: true,
			onread: {
				buffer: shared,
				callback: (length) => {
					this.#take(shared.subarray(0, length));
					return true;
				}
			}
		});
		this.#socket.on('error', (error) => this.#lose(error.message));
		this.#socket.on('close', () => this.#lose('the server closed the connection'));
		this.#socket.write(handshake.request.replaceAll('{i}', String(number)));
	}

	close(): void {
		this.#lost = true;
		this.#socket.destroy();
	}

	#lose(reason: string): void {
		if (this.#lost) return;
		this.close();
		this.#listener.onLost(this, reason + (this.ready ? '' : `: ${this.#greeting.slice(0, 300)}`));
	}

	#take(bytes: Buffer): void {
		if (!this.ready) this.#greet(bytes);
		const { onLatency } = this.#listener;
		const count = onLatency ? this.#readTimes(bytes, onLatency) : countMarks(bytes);
		if (count === 0) return;
		this.events += count;
		this.#listener.onEvents(this, count, bytes.length);
	}

	#greet(bytes: Buffer): void {
		this.#greeting += bytes.toString('latin1');
		if (this.#step === 0 && !/^HTTP\/1.1 (200|101)/.test(this.#greeting.slice(0, 12))) {
			if (!this.#greeting.startsWith('HTTP/1.1 ') && this.#greeting.length < 12) return;
			if (this.#greeting.startsWith('HTTP/')) return this.#lose('refused');
		}
		for (;;) {
			const step = this.#handshake.steps[this.#step];
			if (!step) break;
			const at = this.#greeting.indexOf(step.wait);
			if (at < 0) {
				// Cut only after the search: what is awaited may be long before the end of a read.
				this.#greeting = this.#greeting.slice(-4096);
				return;
			}
			this.#greeting = this.#greeting.slice(at + step.wait.length);
			if (step.send) this.#socket.write(Buffer.from(step.send, 'base64'));
			this.#step++;
		}
		this.ready = true;
		this.#greeting = '';
		this.#listener.onReady(this);
	}

	#readTimes(bytes: Buffer, onLatency: (ms: number) => void): number {
		const at = now();
		let count = 0;
		let from = 0;
		if (this.#rest !== '') {
			const end = bytes.indexOf(SPACE);
			if (end < 0) {
				this.#rest += bytes.toString('latin1');
				return 0;
			}
			onLatency(at - Number(this.#rest.slice(1) + bytes.toString('latin1', 0, end)));
			this.#rest = '';
			count++;
			from = end;
		}
		for (let mark = bytes.indexOf(MARK, from); mark >= 0; mark = bytes.indexOf(MARK, mark + 1)) {
			const end = bytes.indexOf(SPACE, mark);
			if (end < 0) {
				this.#rest = bytes.toString('latin1', mark);
				break;
			}
			onLatency(at - Number(bytes.toString('latin1', mark + 1, end)));
			count++;
		}
		return count;
	}
}

function countMarks(bytes: Buffer): number {
	let count = 0;
	for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) count++;
	return count;
}
