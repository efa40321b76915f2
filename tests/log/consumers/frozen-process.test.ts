/** A process that is frozen while it handles an event: the others go on, and it harms nothing when it thaws. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { openStand, type Stand } from './stand.ts';

const PROCESS = fileURLToPath(new URL('./consumer-process.ts', import.meta.url));

let stand: Stand;
beforeEach(async () => {
	stand = await openStand();
});
afterEach(() => stand.close());

test('a consumer goes on elsewhere when a process freezes in its handler, and nothing is doubled when it thaws', async () => {
	const child = fork(PROCESS, [stand.url, '13', '1000', '1000'], { execArgv: ['--import', 'tsx'] });
	const exited = once(child, 'exit');
	try {
		await once(child, 'message');
		await stand.append('a', 'wait', 1);
		const [begun] = (await once(child, 'message')) as [string];
		expect(begun).toBe('waits');
		child.kill('SIGSTOP');
		const consumer = stand.consume(await stand.logline(), ['a'], {});
		await until(async () => (await stand.seen()).length === 2, {
			what: 'another process goes on',
			timeoutMs: 15_000
		});
		child.kill('SIGCONT');
		const [outcome] = (await once(child, 'message')) as [string];
		expect(outcome).not.toBe('written');
		await consumer.stop();
		// It is well again, and takes its turn.
		await stand.append('a', 2);
		await until(async () => (await stand.seen()).length === 3, { timeoutMs: 15_000 });
		expect(await stand.seen()).toEqual(['wait', 1, 2]);
	} finally {
		child.kill('SIGKILL');
		await exited;
	}
}, 60_000);
