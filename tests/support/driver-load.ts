/**
 * A program that keeps a pool busy with plain statements and transactions until its standard input ends. It then waits for
 * all results and prints their number. Run by driver.test.ts while the server is killed.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../src/lib/server/database/client.ts';

const sql = openClient(process.argv[2] ?? '', { max: 8, name: 'load' });
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

const workers = Array.from({ length: 12 }, (_, n) =>
	worker(() =>
		n % 2
			? sql`select ${n}::int, pg_sleep(0.001)`
			: sql.begin(async (tx) => {
					await Promise.all([tx`select ${n}::int`, tx`select pg_sleep(0.001)`]);
					await tx`select ${'x'.repeat(2000)}::text`;
				})
	)
);
process.stdin.resume().once('end', () => (stopping = true));
const telling = setInterval(() => process.stdout.write(`${answered}\n`), 50);
await Promise.all(workers);
await sql.end({ timeout: 1 });
// The last line is the result.
clearInterval(telling);
process.stdout.write(`${JSON.stringify({ answered, failed })}\n`);
