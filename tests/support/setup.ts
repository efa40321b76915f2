/**
 * Runs before and after every test file: anything that the file opened and did not close fails it. Registered first, so that
 * its check runs last.
 */
import { afterAll } from 'vitest';
import { dropRemaining } from './database.ts';
import { until } from './until.ts';

/** Resources that keep a process alive and that their owner must end. */
const KINDS = new Set([
	'Timeout',
	'TCPSocketWrap',
	'TCPServerWrap',
	'PipeServerWrap',
	'ProcessWrap',
	'Worker',
	'MessagePort'
]);

function active(): Map<string, number> {
	const counts = new Map<string, number>();
	for (const kind of process.getActiveResourcesInfo()) {
		if (KINDS.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
	}
	return counts;
}

const baseline = active();

function grown(): string[] {
	return [...active()]
		.filter(([kind, n]) => n > (baseline.get(kind) ?? 0))
		.map(([kind, n]) => `${n - (baseline.get(kind) ?? 0)} × ${kind}`);
}

afterAll(async () => {
	const leaks = await dropRemaining();
	// Sockets and child processes need a moment to end. The timer of this wait is not counted: it has fired when the
	// condition is checked.
	await until(() => grown().length === 0, { timeoutMs: 3000, everyMs: 20 }).catch(() => null);
	leaks.push(...grown());
	if (leaks.length > 0) {
		throw new Error(`This test file leaks:\n${leaks.map((leak) => `  ${leak}`).join('\n')}`);
	}
}, 30_000);
