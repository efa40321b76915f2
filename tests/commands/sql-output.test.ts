/** What `npm run sql` shows of an answer. */
import { describe, expect, it, vi } from 'vitest';
import { command } from '../support/command.ts';
import { createTestDatabase } from '../support/database.ts';

// Each test starts programs, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 });

const database = async () => ({ DATABASE_URL: (await createTestDatabase()).url });

describe('npm run sql shows', () => {
	it('a result of any length, in bounded memory', async () => {
		const env = { ...(await database()), NODE_OPTIONS: '--max-old-space-size=80' };
		const text = `select n, repeat('x', 1000) as x from generate_series(1, 130000) n`;
		const { code, out, err } = await command('sql', [text], { env, translate: true });
		expect(err).toBe('');
		expect(out.slice(-200)).toContain('xxx\n(130000 rows)\n');
		expect(out.match(/\n/g)).toHaveLength(130_003);
		expect(code).toBe(0);
	});

	it('values that are wide, that combine, and that would steer the terminal', async () => {
		const { out } = await command(
			'sql',
			[`values ('漢字', 1), ('e\u0301', 22), ('👍🏽', 333), (E'\\x1b[31m\u202e', 4)`],
			{ env: await database() }
		);
		expect(out).toBe(
			' column1 | column2\n---------+---------\n' +
				' 漢字    |       1\n e\u0301       |      22\n 👍🏽      |     333\n �[31m�  |       4\n(4 rows)\n'
		);
	});

	it('CSV, with NULL told from an empty text', async () => {
		const { out, err } = await command(
			'sql',
			[
				'--csv',
				`create temp table t (n int); select 1 as "a,b", null as c, '' as d, E'x"\\ny' as e`
			],
			{ env: await database() }
		);
		expect(out).toBe('"a,b",c,d,e\n1,,"","x""\ny"\n');
		expect(err).toBe('CREATE TABLE\n');
	});

	it('JSON, with the digits that Postgres gave', async () => {
		const { out } = await command(
			'sql',
			[
				'--json',
				`select 9007199254740993 as big, 1.10 as exact, 'NaN'::float8 as nan, true as yes, null as nothing,
					'{"a": [1]}'::jsonb as data, 'ä"' as text from generate_series(1, 2); select 1 as x where false`
			],
			{ env: await database() }
		);
		const row = `{"big":9007199254740993,"exact":1.10,"nan":"NaN","yes":true,"nothing":null,"data":{"a": [1]},"text":"ä\\""}`;
		expect(out).toBe(`[${row},\n ${row}]\n[]\n`);
		expect(JSON.parse(out.split('\n[]')[0]!)).toHaveLength(2);
	});

	it('each value on a line of its own', async () => {
		const { out } = await command('sql', ['-x', 'select 1 as n, null as longer'], {
			env: await database()
		});
		expect(out).toBe('-[ 1 ]---\nn      | 1\nlonger | ∅\n(1 row)\n');
	});

	it('notices and warnings', async () => {
		const { code, err } = await command(
			'sql',
			[`do $$ begin raise notice 'halfway' using hint = 'go on'; end $$; commit`],
			{ env: await database() }
		);
		expect(err).toBe(
			'NOTICE: halfway\nHINT: go on\nWARNING: there is no transaction in progress\n'
		);
		expect(code).toBe(0);
	});
});
