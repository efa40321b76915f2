import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';

/** Runs a checker for a while. Returns what it printed, and a function that finds a count in it. */
async function run(program: string, seconds: number): Promise<[string, (what: string) => number]> {
	const child = spawn(
		process.execPath,
		['--import', 'tsx', program, '--seconds', String(seconds), '--seed', '1'],
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
	return [output, (what) => Number(new RegExp(`^${what} +([0-9]+)$`, 'm').exec(output)?.[1])];
}

test('whatever is killed, cut and stalled for a while, nothing is lost, doubled, out of order or shown to strangers', async () => {
	const [output, done] = await run('tests/faults/checker.ts', 15);
	// A run with little activity proves little.
	expect(done('acknowledged'), output).toBeGreaterThan(300);
	expect(done('seen by handlers'), output).toBeGreaterThan(3000);
}, 240_000);

test('whoever joins, leaves and is thrown out meanwhile gets what is theirs, once and in order, and nothing else', async () => {
	const [output, done] = await run('tests/faults/rooms/checker.ts', 12);
	expect(done('acknowledged'), output).toBeGreaterThan(120);
	expect(done('probes after a revoke'), output).toBeGreaterThan(5);
	expect(done('events received'), output).toBeGreaterThan(500);
}, 240_000);
