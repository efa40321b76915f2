import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';
import { payload, TOPIC } from '../peers/payload.mjs';
import { now } from '../stage/clock.ts';
import { startLogline } from '../stage/logline.ts';
import { interleave, type Figures, type Measure, type Row, type Stage } from '../stage/measure.ts';
import { countGranted, grantsSettled } from '../stage/rooms.ts';
import { quantile } from '../stage/statistics.ts';

const GRANTS = 100_000;
const USERS = 20_000;
const ROOMS = 5000;
const CALM = 'the same without grants';

/** What others wait when very many grants are given, or taken back, by one statement. */
export const grants: Measure = {
	name: 'grants',
	run: (stage) =>
		stage.postgres.withDatabase(async (url) => {
			const count = stage.quick ? GRANTS / 10 : GRANTS;
			const many = `${count.toLocaleString('en-US')} grants`;
			stage.say(`${many} in one statement`);
			const served = await startLogline(stage.program, url);
			const sql = openClient(url, { max: 1, name: 'bench grants' });
			try {
				const results = await interleave(stage, [
					{ name: 'Logline', role: 'ours', round: () => giveAndTake(count, url, sql) },
					{ name: CALM, role: 'limit', round: () => calm(stage, url) }
				]);
				return ['given', 'taken back'].flatMap((what): Row[] => {
					const title = `${many} ${what} by one statement`;
					const head = { measure: 'grants', better: 'lower' } as const;
					return [
						results.row(
							{
								...head,
								title: `${title}: longest wait of another writer`,
								unit: 'ms',
								note: 'It appends one event after the other to a topic without grants, until all changes are in the log.'
							},
							`${what}: longest`,
							(_to, { median }) => ({ text: 'at most 200 ms', met: median <= 200 })
						),
						results.row(
							{
								...head,
								title: `${title}: 99 of 100 appends of another writer within`,
								unit: 'ms'
							},
							`${what}: p99`
						),
						results.row(
							{ ...head, title: `${title}: the statement`, unit: 's' },
							`${what}: statement`
						),
						results.row(
							{ ...head, title: `${title}: all in the log after its commit`, unit: 's' },
							`${what}: all`
						)
					];
				});
			} finally {
				await sql.end();
				await served.stop();
			}
		})
};

async function giveAndTake(count: number, url: string, sql: Sql): Promise<Figures> {
	await beginSmall(sql);
	const given = await beside(url, 'given', sql, async () => {
		await sql`
			INSERT INTO grants (scope, user_id)
			SELECT DISTINCT 'rooms/' || (i + i / ${USERS}::int * 37) % ${ROOMS}::int, 'bench-' || i % ${USERS}::int
			FROM generate_series(0, ${count - 1}::int) AS i`;
	});
	await expectGranted(sql, count);
	const taken = await beside(url, 'taken back', sql, async () => {
		await sql`DELETE FROM grants`;
	});
	await expectGranted(sql, 0);
	return { ...given, ...taken };
}

/**
 * Begins as a young log: the server has made its plans, and Postgres has gathered its statistics, while the tables were
 * small. Otherwise the figures would depend on when autovacuum comes by.
 */
async function beginSmall(sql: Sql): Promise<void> {
	for (let i = 0; i < 8; i++) {
		await sql`INSERT INTO grants (scope, user_id) VALUES ('rooms/0', 'bench-0')`;
		await grantsSettled(sql);
		await sql`DELETE FROM grants`;
		await grantsSettled(sql);
	}
	await sql`DELETE FROM grant_history`;
	for (const table of ['grants', 'grant_history', 'grant_losses', 'outbox']) {
		await sql.unsafe(`VACUUM ANALYZE ${table}`);
	}
}

/** Runs a statement about grants, while another writer appends. */
async function beside(
	url: string,
	what: string,
	sql: Sql,
	run: () => Promise<void>
): Promise<Figures> {
	const writer = startWriter(url);
	const from = now();
	await run();
	const committed = now();
	await grantsSettled(sql);
	const settled = now();
	const waits = await writer.stop();
	return {
		[`${what}: longest`]: waits[waits.length - 1]!,
		[`${what}: p99`]: quantile(waits, 0.99),
		[`${what}: statement`]: (committed - from) / 1000,
		[`${what}: all`]: (settled - committed) / 1000
	};
}

async function expectGranted(sql: Sql, count: number): Promise<void> {
	const granted = await countGranted(sql);
	if (granted !== count) throw new Error(`The log has ${granted} grants, not ${count}`);
}

/** How long the writer waits when nobody gives grants. */
async function calm(stage: Stage, url: string): Promise<Figures> {
	const figures: Figures = {};
	for (const what of ['given', 'taken back']) {
		const writer = startWriter(url);
		await new Promise((wake) => setTimeout(wake, stage.quick ? 1000 : 5000));
		const waits = await writer.stop();
		figures[`${what}: longest`] = waits[waits.length - 1]!;
		figures[`${what}: p99`] = quantile(waits, 0.99);
	}
	return figures;
}

/** Appends one event after the other. `stop` returns all waits in milliseconds, sorted. */
function startWriter(url: string): { stop(): Promise<Float64Array> } {
	const writer = new Writer(new SoleConnection(url, { name: 'bench writer' }));
	const waits: number[] = [];
	let over = false;
	const run = async () => {
		// The first one connects.
		for (let first = true; !over; first = false) {
			const from = now();
			await writer.append([encodeEvent({ topic: TOPIC, data: payload() })]);
			if (!first) waits.push(now() - from);
		}
	};
	const running = run();
	return {
		stop: async () => {
			over = true;
			await running;
			await writer.close();
			return Float64Array.from(waits).sort();
		}
	};
}
