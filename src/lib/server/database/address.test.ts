import { describe, expect, it } from 'vitest';
import { describe as name, parseAddress, toPrimary } from './address.ts';

describe('a connection string', () => {
	it('names its servers and database, and nobody’s password', () => {
		expect(name('postgres://ada:secret@db.example:5433/live')).toBe('db.example:5433/live');
		expect(name('postgresql://ada@db/live?sslmode=require')).toBe('db:5432/live');
		expect(name('postgres://ada:se%2Fcr%40et@a:1,b,c:3/live')).toBe('a:1, b:5432, c:3/live');
		expect(name('postgres://[::1]:5433/live')).toBe('[::1]:5433/live');
	});

	it.each(['#', '/', '?', '@', '%', '%z'])(
		'with %s in the password is refused with what to do, and without the password',
		(character) => {
			for (const password of [
				`hun${character}ter2`,
				`${character}hunter2`,
				`hunter2${character}`
			]) {
				const parse = () => parseAddress(`postgres://logline:${password}@database:5432/logline`);
				expect(parse).toThrow(/If the password has one of # \/ \? @ %, write it as/);
				expect(parse).not.toThrow(/hun|ter2/);
			}
		}
	);

	it('that is of another kind is refused', () => {
		for (const url of ['mysql://a/b', 'postgres:a', 'a', 'postgres//a:1/b']) {
			expect(() => parseAddress(url)).toThrow('must look like postgres://');
		}
		expect(() => parseAddress('postgres://a:99999/b')).toThrow('port');
		expect(() => parseAddress('postgres://a:x/b')).toThrow('cannot be read');
	});

	it('may ask for the server that can be written to, and for no other', () => {
		for (const one of ['primary', 'read-write']) {
			const url = `postgres://a,b/db?target_session_attrs=${one}`;
			expect(toPrimary(url)).toBe(url);
		}
		for (const one of ['any', 'standby', 'prefer-standby', 'read-only', 'x', '']) {
			expect(() => parseAddress(`postgres://a,b/db?target_session_attrs=${one}`)).toThrow(
				'Say primary or read-write'
			);
		}
	});

	it('of several hosts leads to the primary', () => {
		expect(toPrimary('postgres://a,b/db')).toBe('postgres://a,b/db?target_session_attrs=primary');
		expect(toPrimary('postgres://a,b/db?sslmode=require')).toBe(
			'postgres://a,b/db?sslmode=require&target_session_attrs=primary'
		);
		expect(toPrimary('postgres://a/db')).toBe('postgres://a/db');
	});
});
