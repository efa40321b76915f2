import { expect, it } from 'vitest';
import { endOfStatements } from './statement.ts';

it.each([
	['select 1;', 9],
	['select 1', 0],
	['select 1; select 2', 9],
	["select ';'", 0],
	["select ';';", 11],
	["select 'it''s;';", 16],
	["select 'open;", 0],
	['select ";"";";', 14],
	['select 1; -- done;', 9],
	['-- first;\nselect 1;', 19],
	['/* a; /* b; */ c; */ select 1;', 30],
	['/* open; select 1;', 0],
	['do $$ begin null; end $$;', 25],
	['do $$ begin null; end', 0],
	['do $x$ select $$;$$; $x$;', 25],
	['select a$b$ from t; select $b$;', 19]
])('statements of %j are complete up to %i', (text, end) => {
	expect(endOfStatements(text)).toBe(end);
});
