import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { until } from '../../tests/support/until.ts';
import { startLogline } from './logline.ts';
import type { Stage } from './measure.ts';

/** Brings the rooms for which a user has grants: see src/features/rooms. */
export const WILDCARD = 'rooms/*/messages';

/** SQL: a message in a room, with the mark that the load generator counts. */
export const MESSAGE = `'${JSON.stringify({
	type: 'message',
	room: 'Harbour',
	user: { id: 'bench-0', name: 'bench-0' },
	text: '^0 A parcel for the harbour office has arrived at the gate.',
	timestamp: '2026-01-01T00:00:00.000Z'
})}'::jsonb`;

/** Starts the application once, so that the log knows the declared topics, and gives grants. */
export async function declareAndGrant(
	stage: Stage,
	url: string,
	grant: (sql: Sql) => Promise<unknown> = async () => {}
): Promise<void> {
	const served = await startLogline(stage.program, url);
	const sql = openClient(url, { max: 1, name: 'bench grants' });
	try {
		await grant(sql);
		await grantsSettled(sql);
	} finally {
		await sql.end();
		await served.stop();
	}
}

/** Waits until all changes of grants are in the log. */
export async function grantsSettled(sql: Sql): Promise<void> {
	await until(
		async () => {
			const [row] = await sql<{ waits: boolean }[]>`
				select exists (select from outbox) or exists (select from grant_losses) as waits`;
			return !row!.waits;
		},
		{ what: 'all grants are in the log', timeoutMs: 300_000, everyMs: 20 }
	);
}

/** Returns how many grants the log knows to last. */
export async function countGranted(sql: Sql): Promise<number> {
	const [row] = await sql<{ n: number }[]>`
		select count(*)::int as n from grant_history where until_id is null`;
	return row!.n;
}
