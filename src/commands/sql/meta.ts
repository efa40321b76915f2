/** Commands of the prompt that are not SQL, with the names that psql uses. */
import type { Session } from './session.ts';

const HELP = `\\d          tables, views and sequences
\\d NAME     columns, indexes, constraints and triggers of one
\\df         functions
\\dt         tables
\\x          each value on a line of its own, on or off
\\?          this
\\q          leaves; so does Ctrl-D
Ctrl-C      cancels the statement that runs, or empties the line
Statements end with a semicolon. psql itself: npm run sql -- --psql`;

/** Excludes the tables of Postgres itself. Partitions are excluded elsewhere: their parent table is listed. */
const OURS = `
	n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'`;

const relations = (kinds: string) => `
	select c.oid::regclass as name,
		case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
			when 'm' then 'materialized view' when 'S' then 'sequence' else 'foreign table' end as kind,
		obj_description(c.oid, 'pg_class') as comment
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind in (${kinds}) and not c.relispartition and ${OURS}
	order by c.oid::regclass::text`;

const FUNCTIONS = `
	select p.oid::regproc as name, pg_get_function_arguments(p.oid) as arguments,
		pg_get_function_result(p.oid) as returns, obj_description(p.oid, 'pg_proc') as comment
	from pg_proc p join pg_namespace n on n.oid = p.pronamespace
	where ${OURS}
	order by 1`;

/** The details of one table, by heading. `$` is replaced by the table. */
const DETAILS: [heading: string, query: string][] = [
	[
		'',
		`select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
			case when a.attnotnull then 'not null' end as "null",
			pg_get_expr(d.adbin, d.adrelid) as "default", col_description(a.attrelid, a.attnum) as comment
		from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
		where a.attrelid = $ and a.attnum > 0 and not a.attisdropped order by a.attnum`
	],
	[
		'Indexes',
		`select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = $`
	],
	[
		'Constraints',
		`select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = $ and contype <> 'n' order by 1`
	],
	[
		'Triggers',
		`select tgname as name, pg_get_triggerdef(oid) as definition from pg_trigger where tgrelid = $ and not tgisinternal order by 1`
	]
];

/**
 * Runs a line that begins with a backslash.
 *
 * @returns false when it ends the session
 */
export async function runMeta(line: string, session: Session): Promise<boolean> {
	const [command = '', ...rest] = line.trim().replace(/;+$/, '').split(/\s+/);
	const name = rest.join(' ');
	switch (command) {
		case '\\q':
			return false;
		case '\\?':
		case '\\h':
			console.log(HELP);
			break;
		case '\\x':
			session.format = session.format === 'expanded' ? 'table' : 'expanded';
			console.log(
				`Each value on a line of its own: ${session.format === 'expanded' ? 'on' : 'off'}`
			);
			break;
		case '\\dt':
			await session.run(relations(`'r', 'p'`));
			break;
		case '\\df':
			await session.run(FUNCTIONS);
			break;
		case '\\d':
			if (name) await describe(name, session);
			else await session.run(relations(`'r', 'p', 'v', 'm', 'S', 'f'`));
			break;
		default:
			console.error(`${command} is not known here. \\? lists what is; psql: npm run sql -- --psql`);
	}
	return true;
}

async function describe(name: string, session: Session): Promise<void> {
	const table = `'${name.replaceAll("'", "''")}'::regclass`;
	for (const [heading, query] of DETAILS) {
		if (heading) console.log(`${heading}:`);
		// The first query fails when there is no such table.
		if (!(await session.run(query.replaceAll('$', () => table)))) return;
	}
}
