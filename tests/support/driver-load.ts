/**
 * A program that keeps all ways to Postgres busy until its standard input ends: requests, drizzle's transactions, the
 * writer and the tailer's kind of reads. It then waits for all results and prints their number. Run by driver.test.ts while
 * the server is killed. With `plain` it sends the same through a plain pool of the driver, to show what that does.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sql as text } from 'drizzle-orm';
import { openClient } from '../../src/app/driver-client.ts';
import { openDatabase } from '../../src/app/database.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { insertIntoOutbox } from '../../src/lib/server/log/outbox.ts';
import { readHead } from '../../src/lib/server/log/read.ts';

const [url = '', way] = process.argv.slice(2);
let stopping = false;
let answered = 0;
let failed = 0;

async function worker(work: () => Promise<unknown>): Promise<void> {
	while (!stopping) {
		try {
			await work();
			answered++;
		} catch {
			failed++;
			await pause(5);
		}
	}
}

type Load = { work: (() => Promise<unknown>)[]; end: () => Promise<unknown> };

function ours(): Load {
	const database = openDatabase(url, { max: 4, transactions: 2, name: 'load' });
	const writer = new Writer(new SoleConnection(url, { name: 'load writer' }), { timeoutMs: 3000 });
	const tailer = new SoleConnection(url, { name: 'load tailer' });
	const event = () => encodeEvent({ topic: 'load', data: 0 });
	const asks = () => database.pool.query('SELECT $1::int, pg_sleep(0.001)', [1]);
	const transacts = () =>
		database.db.transaction(async (tx) => {
			await Promise.all([tx.execute(text`select 1`), tx.execute(text`select pg_sleep(0.001)`)]);
			await insertIntoOutbox(tx, 'public', [event()]);
			await tx.execute(text`select ${'x'.repeat(2000)}::text`);
		});
	const looks = () => readHead(tailer);
	return {
		work: [asks, asks, asks, asks, asks, asks, transacts, transacts, transacts, looks].concat(
			Array.from({ length: 4 }, () => () => writer.append([event()]))
		),
		end: async () => {
			await writer.close();
			await Promise.all([database.end(), tailer.end()]);
		}
	};
}

function plain(): Load {
	const sql = openClient(url, { max: 8, name: 'load' });
	const asks = () => sql`select ${1}::int, pg_sleep(0.001)`;
	const transacts = () =>
		sql.begin(async (tx) => {
			await Promise.all([tx`select ${1}::int`, tx`select pg_sleep(0.001)`]);
			await tx`select ${'x'.repeat(2000)}::text`;
		});
	return {
		work: Array.from(
			{ length: 12 },
			(_, n) => (n % 2 ? asks : transacts) as () => Promise<unknown>
		),
		end: () => sql.end({ timeout: 1 })
	};
}

const load = way === 'plain' ? plain() : ours();
process.stdin.resume().once('end', () => (stopping = true));
const telling = setInterval(() => process.stdout.write(`${answered}\n`), 50);
await Promise.all(load.work.map(worker));
await load.end();
// The last line is the result.
clearInterval(telling);
process.stdout.write(`${JSON.stringify({ answered, failed })}\n`);
