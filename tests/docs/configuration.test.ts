/** The three places that describe the environment must agree. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { readPages, rowsOf } from '../support/markdown.ts';

const example = await readFile('.env.example', 'utf8');
const variables = Object.fromEntries(
	[...example.matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(([, name = '', value = '']) => [
		name,
		value
	])
);

test('the defaults that .env.example shows are the defaults', () => {
	expect(loadConfig({ ...variables, DEMO: '' })).toEqual(loadConfig({}));
});

test('the operations page has every variable of .env.example, with its default', async () => {
	const page = (await readPages()).find(({ path }) => path === 'docs/operations.md')!;
	const documented = Object.fromEntries(
		rowsOf(page).flatMap(([names = '', value = '']) =>
			[...names.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name = '']) => [
				name,
				/`(.*)`/.exec(value)?.[1] ?? ''
			])
		)
	);
	// The defaults of these depend on other settings, so there is nothing to compare.
	const { DEMO: _, ADDRESS_HEADER: _a, XFF_DEPTH: _x, ...expected } = variables;
	expect(documented).toMatchObject(expected);
	expect(Object.keys(documented)).toEqual(expect.arrayContaining(Object.keys(variables)));
});
