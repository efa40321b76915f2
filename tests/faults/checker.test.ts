import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';

test('whatever is killed, cut and stalled for a while, nothing is lost, doubled, out of order or shown to strangers', async () => {
	const child = spawn(
		process.execPath,
		['--import', 'tsx', 'tests/faults/checker.ts', '--seconds', '25', '--seed', '1'],
		// With the variables of the test runner, Vite would compile the client as for a test.
		{ env: { ...process.env, VITEST: undefined, NODE_ENV: undefined } }
	);
	onTestFinished(() => void child.kill());
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	}
	const [code] = (await once(child, 'close')) as [number | null];
	expect(code, output).toBe(0);
	const done = (what: string) => Number(new RegExp(`^${what} +([0-9]+)$`, 'm').exec(output)?.[1]);
	// A run with little activity proves little.
	expect(done('acknowledged'), output).toBeGreaterThan(500);
	expect(done('seen by handlers'), output).toBeGreaterThan(5000);
}, 240_000);
