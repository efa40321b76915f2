/**
 * Uses third-party clients against real servers: their connections are cut, refused, drained, and ended because of their
 * age. The results must match the table in docs/protocol.md.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readPages, rowsOf } from '../support/markdown.ts';
import { browserClients } from './browser.ts';
import type { ForeignClient } from './client.ts';
import { eventSources } from './event-sources.ts';
import { fetchingClients } from './fetching.ts';
import { cursorOf, keepsRetry, measure, waitsOf, type Measured } from './measure.ts';
import { Stand } from './stand.ts';

const stand = new Stand();
const clients = [...browserClients(stand.browser), ...eventSources, ...fetchingClients];
let measured: Measured[] = [];

beforeAll(async () => {
	// One of the clients logs an error there that is expected.
	vi.spyOn(console, 'error').mockReturnValue();
	await stand.start();
	measured = await measure(stand, clients);
}, 300_000);

afterAll(async () => {
	vi.restoreAllMocks();
	await stand.close();
});

async function titleOf({ name, package: folder }: ForeignClient): Promise<string> {
	if (folder === null) return name;
	const text = await readFile(`node_modules/${folder}/package.json`, 'utf8');
	const { version } = JSON.parse(text) as { version: string };
	return name.replace(/`( \d+)?$/, `\` ${version}`);
}

/** Returns the cells of a client's row, without the last cell, which says what to do. */
async function rowOf(client: ForeignClient, { plain, safe }: Measured): Promise<string[]> {
	const { cut, refused, drained, aged } = plain;
	const exact = cut.exact && refused.exact && drained.exact && aged.exact;
	const back = (returned: boolean) => (returned ? 'yes' : 'no');
	return [
		await titleOf(client),
		client.where,
		cursorOf({ plain, safe }),
		back(cut.back),
		// A client that does not reconnect after a cut never gets so far.
		cut.back ? back(refused.back) : '–',
		back(drained.back && aged.back),
		keepsRetry({ plain, safe }),
		exact ? 'yes' : safe && Object.values(safe).every((trial) => trial.exact) ? 'only if' : 'no'
	];
}

describe.each(clients.map((client, i) => ({ ...client, i })))('$name', ({ i }) => {
	const client = clients[i]!;

	test('gets named events in order, and is described by its row in docs/protocol.md', async () => {
		const page = (await readPages()).find(({ path }) => path === 'docs/protocol.md')!;
		const row = await rowOf(client, measured[i]!);
		const documented = rowsOf(page).find(([name]) => name === row[0]);
		const received = Object.values(measured[i]!.plain).map((trial) => trial.received);
		const why = `received ${received.join(', ')}; waited ${JSON.stringify(waitsOf(measured[i]!))} ms`;
		expect(documented?.slice(0, -1), why).toEqual(row);
		const advice = documented!.at(-1)!;
		if (row.at(-1) === 'only if') expect(advice).not.toBe('');
	});

	if (client.safe) {
		test('gets everything exactly once when it is used as advised', () => {
			const { safe } = measured[i]!;
			const wrong = Object.entries(safe!).filter(([, { exact }]) => !exact);
			expect(Object.fromEntries(wrong)).toEqual({});
		});
	}

	if (client.safe !== null) {
		test('gets what a wildcard brings, also a topic that is granted while it is open, and goes on after a cut', () => {
			const { plain, safe } = measured[i]!;
			const { exact, received } = (safe ?? plain).brought;
			expect(exact, received).toBe(true);
		});
	}

	if (client.headers) {
		test('goes on after what it has received, though the page has begun it with a header of its own', () => {
			const { plain, safe } = measured[i]!;
			const { exact, received } = (safe ?? plain).begun;
			expect(exact, received).toBe(true);
		});
	}
});

test('the table has no row of a client that is not tried', async () => {
	const page = (await readPages()).find(({ path }) => path === 'docs/protocol.md')!;
	const titles = await Promise.all(clients.map(titleOf));
	const documented = rowsOf(page).filter(([, where = '']) => /^(Node|Chromium)$/.test(where));
	expect(documented.map(([name]) => name)).toEqual(titles);
});
