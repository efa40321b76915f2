/**
 * Many sessions give and take grants, write by every door and relay pages of every size at once. A revoke that has committed
 * hides what is appended after it, and in the end the log's view is the application's.
 *
 * LOGLINE_GRANTS_SECONDS: how long (default 5).
 */
import { expect, test } from 'vitest';
import { openClient, type Sql } from '../../src/app/driver-client.ts';
import { createTestDatabase } from '../support/database.ts';

const SECONDS = Number(process.env.LOGLINE_GRANTS_SECONDS ?? 5);
const WORKERS = 7;

const pick = (n: number) => Math.floor(Math.random() * n);

test(
	'a committed revoke hides every later event, whoever gives, takes, truncates and rolls back beside it',
	{ timeout: SECONDS * 1000 + 60_000 },
	async () => {
		const database = await createTestDatabase();
		const sql = openClient(database.url, { max: WORKERS + 1, name: 'test sql' });
		const counts = { checked: 0, passing: 0 };
		/** Pair → inserts that have begun and ended. Only a pair that nobody grants meanwhile can be judged. */
		const begun = new Map<string, number>();
		const ended = new Map<string, number>();
		const leaks: string[] = [];
		const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
		const giving = async (key: string, give: () => PromiseLike<unknown>) => {
			add(begun, key);
			await Promise.resolve(give()).finally(() => add(ended, key));
		};
		const end = Date.now() + SECONDS * 1000;

		async function act(on: Sql): Promise<void> {
			const [scope, user, source] = [`rooms/${pick(3)}`, `u${pick(4)}`, `s${pick(2)}`];
			const key = `${scope} ${user}`;
			const dice = pick(100);
			if (dice < 20) {
				await giving(
					key,
					() => on`insert into grants values (${scope}, ${user}, ${source}) on conflict do nothing`
				);
			} else if (dice < 40) {
				await on`delete from grants where scope = ${scope} and user_id = ${user} and source = ${source}`;
			} else if (dice < 46) {
				await giving(key, () =>
					on
						.begin(async (tx) => {
							await tx`delete from grants where scope = ${scope} and user_id = ${user}`;
							await tx`insert into grants values (${scope}, ${user}, ${source}) on conflict do nothing`;
							await tx`insert into outbox (topic, data) values (${`${scope}/m`}, '{}')`;
							if (pick(2)) throw new Error('rollback');
						})
						.catch(passing)
				);
			} else if (dice < 52) {
				await on`delete from grants where user_id = ${user} and scope in (${scope}, ${`rooms/${pick(3)}`})`;
			} else if (dice < 53) {
				await on`truncate grants`;
			} else if (dice < 65) {
				await on`select logline_relay(null, ${1 + pick(6)})`;
			} else if (dice < 70) {
				await on`insert into outbox (topic, data) values (${`${scope}/m`}, '{}')`;
			} else if (dice < 72) {
				await giving(
					key,
					() => on`update grants set user_id = ${user}, scope = ${scope}
					where ctid in (select ctid from grants limit 1)`
				);
			} else await judge(on, scope, user, key);
		}

		/** Appends to a scope that a user has lost, and looks whether the user can see the event. */
		async function judge(on: Sql, scope: string, user: string, key: string): Promise<void> {
			const before = begun.get(key) ?? 0;
			if (before !== (ended.get(key) ?? 0)) return;
			const [state] = await on`select not exists (
				select from grants where scope = ${scope} and user_id = ${user}) as gone`;
			if (!state!.gone) return;
			const topic = `${scope}/m`;
			const [event] = pick(2)
				? await on`insert into events (topic, data) values (${topic}, '"x"') returning id::text`
				: await on`select ids[1]::text as id from logline_append(null, ${[topic]}, array[null], array['"x"'::jsonb])`;
			// A grant that began meanwhile may have come before the event.
			if ((begun.get(key) ?? 0) !== before) return;
			const id = event!.id as string;
			const seen = await on`select from grant_history where scope = ${scope} and user_id = ${user}
				and from_id <= ${id} and (until_id is null or until_id > ${id})`;
			counts.checked++;
			if (seen.length > 0) leaks.push(`${key} ${id}`);
		}

		/** What a writer may meet and try again: a rollback, a deadlock of this test's own statements, a waiting revoke. */
		function passing(error: unknown): void {
			const { code, message } = error as { code?: string; message: string };
			if (message !== 'rollback' && !['40P01', '55P03', '23505'].includes(code ?? '')) throw error;
			counts.passing++;
		}

		await Promise.all(
			Array.from({ length: WORKERS }, async () => {
				while (Date.now() < end) await act(sql).catch(passing);
			})
		);
		for (let more = true; more;) {
			const [page] = await sql`select moved, more from logline_relay()`;
			more = page!.more === true || Number(page!.moved) > 0;
		}
		const differing = await sql`
			(select user_id, scope from grant_history where until_id is null except select user_id, scope from grants)
			union all
			(select user_id, scope from grants except select user_id, scope from grant_history where until_id is null)`;
		const overlapping =
			await sql`select from grant_history a join grant_history b using (user_id, scope)
			where a.from_id < b.from_id and (a.until_id is null or a.until_id > b.from_id)`;
		const unfounded = await sql`select from grant_history h where not exists (
				select from events e where e.id = h.from_id and e.topic = '$granted' and e.user_id = h.user_id and e.data->>'scope' = h.scope)
			or until_id is not null and not exists (
				select from events e where e.id = h.until_id and e.topic = '$revoked' and e.user_id = h.user_id and e.data->>'scope' = h.scope)`;
		await sql.end();
		await database.drop();
		expect(leaks).toEqual([]);
		expect({
			differing: differing.length,
			overlapping: overlapping.length,
			unfounded: unfounded.length
		}).toEqual({
			differing: 0,
			overlapping: 0,
			unfounded: 0
		});
		// Otherwise it has not tested what it says.
		expect(counts.checked).toBeGreaterThan(5 * SECONDS);
	}
);
