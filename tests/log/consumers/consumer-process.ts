/**
 * A process with a consumer of topic "a". An event with the data "exit" ends it. At one with the data "wait" it tells that it
 * waits, and later what became of a statement that it then tries twice.
 */
import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { createLogline, type ConsumedEvent } from '../../../src/lib/server/index.ts';
import type { Topic } from '../../../src/lib/protocol/index.ts';

const [url = '', attempts = '13', backOffMs = '1000', timeoutMs = '30000'] = process.argv.slice(2);

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));

const sql = postgres(url, { max: 2, onnotice: () => {} });
const schema = {
	'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
};
const logline = createLogline({ url, topics: { a: { schema } }, migrate: false });
await logline.start();
logline.consume(
	'test',
	['a'] as unknown as Topic[],
	async (event: ConsumedEvent<Topic>, tx: postgres.TransactionSql) => {
		const { id, data } = event as { id: string; data: unknown };
		await tx`insert into seen (name, event_id, data) values ('test', ${id}, ${tx.json(data as never)})`;
		if (data === 'exit') process.exit(3);
		if (data !== 'wait') return;
		process.send?.('waits');
		await pause(Number(timeoutMs) / 2);
		// Async, because a transaction that is over refuses the call itself.
		const write = async () => tx.unsafe(`insert into seen (name, data) values ('test', '"late"')`);
		await write()
			.catch(write)
			.then(
				() => process.send?.('written'),
				(error: unknown) => process.send?.(String(error))
			);
	},
	{
		transaction: (work) => sql.begin(work),
		attempts: Number(attempts),
		backOffMs: Number(backOffMs),
		timeoutMs: Number(timeoutMs)
	}
);
process.send?.('consumes');
