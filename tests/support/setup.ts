/**
 * Runs in every test file, before it and after it: whatever the file has opened and not closed fails it. Registered first,
 * so that it looks last.
 */
import { afterAll } from 'vitest';
import { dropRemaining } from './database.ts';
import { until } from './until.ts';

/** What keeps a process alive and has an owner who should have ended it. */
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
	// Sockets and children end a moment after they have been told to. A timer of the wait itself is not counted: it is over
	// when the condition is looked at.
	await until(() => grown().length === 0, { timeoutMs: 3000, everyMs: 20 }).catch(() => null);
	leaks.push(...grown());
	if (leaks.length > 0) {
		throw new Error(`This test file leaks:\n${leaks.map((leak) => `  ${leak}`).join('\n')}`);
	}
}, 30_000);
