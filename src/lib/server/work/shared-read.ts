import { detached } from './detached.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Someone who waits for the value of a key. */
interface Waiting<Key, Value> {
	key: Key;
	resolve: (value: Value) => void;
	reject: (reason: unknown) => void;
}

/** Keys of one read. */
const MOST = 500;

/**
 * Keys that may wait. Requests whose clients have gone stay in the queue, so their number alone does not bound it.
 */
const MOST_WAITING = 20_000;

/**
 * How many get their value in one turn of the event loop. Each goes on at once, with work of its own. Other clients would
 * wait for all of it.
 */
const PER_TURN = 8;

/** Reads at a time: the next one begins while the last one's answer is on its way. */
const AT_ONCE = 2;

/**
 * Lets requests of the same moment share one read. After an outage thousands of clients come back at once; each would
 * otherwise ask Postgres for its own row. A read begins at the end of the current turn of the event loop, and while
 * {@link AT_ONCE} reads are running, the next keys are collected.
 *
 * @param read returns the value of each key, in the order of the keys
 * @returns asks for the value of one key; rejects with the error of its read, or with `CONNECTION_BUSY` when 20,000 keys wait
 */
export function sharedRead<Key, Value>(
	read: (keys: readonly Key[]) => Promise<readonly Value[]>
): (key: Key) => Promise<Value> {
	const waiting: Waiting<Key, Value>[] = [];
	let running = 0;
	let scheduled = false;

	/** Detached: a read must not end with the request that happened to begin it. */
	const schedule = () => {
		if (scheduled || running >= AT_ONCE || waiting.length === 0) return;
		scheduled = true;
		detached(() => setImmediate(() => void run()));
	};

	async function run(): Promise<void> {
		scheduled = false;
		const some = waiting.splice(0, MOST);
		running++;
		schedule();
		try {
			const values = await read(some.map(({ key }) => key));
			for (const [i, { resolve }] of some.entries()) {
				if (i > 0 && i % PER_TURN === 0) await nextTurn();
				resolve(values[i]!);
			}
		} catch (error) {
			for (const { reject } of some) reject(error);
		} finally {
			running--;
			schedule();
		}
	}

	return (key) =>
		new Promise((resolve, reject) => {
			if (waiting.length >= MOST_WAITING) {
				const busy = new Error(`${MOST_WAITING} requests wait for Postgres already`);
				reject(Object.assign(busy, { code: 'CONNECTION_BUSY' }));
				return;
			}
			waiting.push({ key, resolve, reject });
			schedule();
		});
}
