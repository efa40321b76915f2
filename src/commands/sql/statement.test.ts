import { expect, it } from 'vitest';
import { copies, cutStatements, isEmpty } from './statement.ts';

it.each([
	['select 1;', ['select 1;'], '', false],
	['select 1', [], 'select 1', false],
	['select 1; select 2', ['select 1;'], 'select 2', false],
	["select ';'", [], "select ';'", false],
	["select ';'; select 2;", ["select ';';", 'select 2;'], '', false],
	["select 'it''s;';", ["select 'it''s;';"], '', false],
	["select 'open;", [], "select 'open;", true],
	['select "open;', [], 'select "open;', true],
	['select ";"";";', ['select ";"";";'], '', false],
	['select 1; -- done;', ['select 1;'], '-- done;', false],
	['-- first;\nselect 1;', ['-- first;\nselect 1;'], '', false],
	['/* a; /* b; */ c; */ select 1;', ['/* a; /* b; */ c; */ select 1;'], '', false],
	['/* open; select 1;', [], '/* open; select 1;', true],
	['do $$ begin null; end $$;', ['do $$ begin null; end $$;'], '', false],
	['do $$ begin null; end', [], 'do $$ begin null; end', true],
	['do $x$ select $$;$$; $x$;', ['do $x$ select $$;$$; $x$;'], '', false],
	['select a$b$ from t; select b;', ['select a$b$ from t;', 'select b;'], '', false],
	['select $1;', ['select $1;'], '', false]
])('%j is cut into %j, and %j remains', (text, complete, rest, isQuoted) => {
	expect(cutStatements(text)).toEqual({ complete, rest, isQuoted });
});

it.each([
	['', true],
	[';', true],
	['-- nothing', true],
	['/* /* nothing */ */ ;', true],
	['-- something\nselect 1', false]
])('whether %j says nothing is %j', (text, empty) => {
	expect(isEmpty(text)).toBe(empty);
});

it.each([
	['copy events to stdout', 'out'],
	['-- all\nCOPY (select 1) TO STDOUT (format csv);', 'out'],
	['copy t (a, b) from stdin with csv', 'in'],
	["copy t to '/tmp/to stdout'", null],
	['copy "to stdout" from program \'x\'', null],
	['select 1 -- copy t to stdout', null]
] as const)('%j copies %j', (text, way) => {
	expect(copies(text)).toBe(way);
});
