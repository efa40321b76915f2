import type { TransactionSql } from 'postgres';
import { afterEach, describe, expect, test } from 'vitest';
import type { Topic } from '../../../src/lib/protocol/index.ts';
import { openScene, type Scene } from '../../support/scene.ts';
import { until } from '../../support/until.ts';

let scene: Scene;
afterEach(() => scene.close());

/** Inserts private events in one statement. */
const give = (count: number) => scene.sql`
	insert into events (topic, user_id, data)
	select 'a', ${scene.user.id}, to_jsonb(n) from generate_series(1, ${count}) as n`;

describe('forgetting a user of whom a consumer has an event that fails', () => {
	/** A consumer whose handler names the user. Data "good" is handled; else `fails` may wait before it fails. */
	function mail(options: { attempts: number; backOffMs: number; fails?: () => unknown }) {
		const handled: unknown[] = [];
		const { attempts, backOffMs, fails } = options;
		scene.server.app.logline.consume<Topic, TransactionSql>(
			'mail',
			['a'] as unknown as Topic[],
			async (event) => {
				const { data } = event as { data: unknown };
				handled.push(data);
				if (data === 'good') return;
				await fails?.();
				throw new Error('no mail to ann@example.com');
			},
			{ attempts, backOffMs, transaction: (work) => scene.sql.begin(work) }
		);
		return handled;
	}
	const noted = async () => [
		...(await scene.sql`select error from consumer_failures`),
		...(await scene.sql`select error from dead_letters`)
	];

	test('deletes what the handler said of it, and it is not tried again', async () => {
		scene = await openScene();
		const handled = mail({ attempts: 2, backOffMs: 60_000 });
		await give(3);
		await until(async () => (await noted()).length === 3, { what: 'they have failed' });
		await scene.server.app.logline.forgetUser(scene.user.id);
		await scene.sql`update consumer_failures set next_at = now()`;
		await scene.insert('a', 'good');
		await until(() => handled.includes('good'));
		expect(await noted()).toEqual([]);
		expect(handled).toEqual([1, 2, 3, 'good']);
	});

	test.each([
		{ when: 'at its first attempt', waits: 1, attempts: 5 },
		{ when: 'at its first and last attempt', waits: 1, attempts: 1 },
		{ when: 'when it is tried again', waits: 2, attempts: 5 },
		{ when: 'when it is tried for the last time', waits: 2, attempts: 2 }
	])(
		'waits for no handler, and one that fails afterwards leaves nothing: $when',
		async ({ waits, attempts }) => {
			scene = await openScene();
			let goOn = () => {};
			const gate = new Promise<void>((resolve) => (goOn = resolve));
			let n = 0;
			const handled = mail({
				attempts,
				backOffMs: 20,
				fails: () => (++n === waits ? gate : undefined)
			});
			await give(1);
			await until(() => n === waits, { what: 'its handler runs' });
			await scene.server.app.logline.forgetUser(scene.user.id);
			goOn();
			await scene.insert('a', 'good');
			await until(() => handled.includes('good'));
			expect(await noted()).toEqual([]);
			expect(n).toBe(waits);
		}
	);
});
