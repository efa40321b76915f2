/** A process with a consumer that adds up the numbers of the log. The test kills it. */
import postgres from 'postgres';
import { createLogline, type ConsumedEvent } from '../../src/lib/server/index.ts';
import type { Topic } from '../../src/lib/protocol/index.ts';

const [url = ''] = process.argv.slice(2);

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));

let handles = false;

const sql = postgres(url, { max: 1, onnotice: () => {} });
const schema = {
	'~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) }
};
const logline = createLogline({ url, topics: { numbers: { schema } }, migrate: false });
await logline.start();
logline.consume(
	'sum',
	['numbers'] as unknown as Topic[],
	async (event: ConsumedEvent<Topic>, tx: postgres.TransactionSql) => {
		const { data } = event as unknown as { data: number };
		if (!handles) process.send?.('handles');
		handles = true;
		await tx`update totals set sum = sum + ${data}, events = events + 1`;
	},
	{ transaction: (work) => sql.begin(work), backOffMs: 200 }
);
process.send?.('consumes');
