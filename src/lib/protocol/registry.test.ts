import { describe, expect, expectTypeOf, it } from 'vitest';
import {
	createRegistry,
	defineTopics,
	maySubscribe,
	type ParamsOf,
	type PatternOf,
	type PayloadOf,
	type PayloadsOf,
	type PayloadSchema,
	type TopicDefinition,
	type TopicOf
} from './index.ts';

const schema = <T>(): PayloadSchema<T> => ({
	'~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as T }) }
});
const topic = (access?: TopicDefinition['access']) => ({ schema: schema<unknown>(), access });

const ROOMS = 'rooms/[room]/messages';
const LOG = 'orgs/[org]/projects/[project]/log';
const registry = createRegistry([
	{ news: topic(), [ROOMS]: topic('granted'), [LOG]: topic('granted') }
]);

describe('a topic of a pattern', () => {
	it('is found with its parameters', () => {
		expect(registry.find('rooms/42/messages')).toMatchObject({
			pattern: { text: ROOMS },
			params: { room: '42' }
		});
		expect(registry.find('orgs/7/projects/a_B-9/log')?.params).toEqual({
			org: '7',
			project: 'a_B-9'
		});
		expect(registry.find('news')?.params).toEqual({});
	});

	it.each([
		['a value with a slash', 'rooms/4/2/messages'],
		['an encoded slash', 'rooms/4%2f2/messages'],
		['the folder above', 'rooms/../messages'],
		['no value', 'rooms//messages'],
		['a value that is too long', `rooms/${'x'.repeat(65)}/messages`],
		['a wildcard', 'rooms/*/messages'],
		['the pattern itself', ROOMS],
		['less than the pattern', 'rooms/42'],
		['more than the pattern', 'rooms/42/messages/1'],
		['a name that every object has', 'constructor']
	])('is not found by %s', (_, name) => {
		expect(registry.find(name)).toBeUndefined();
	});

	it('is open to who was granted one of its scopes', () => {
		const may = (name: string, ...scopes: string[]) =>
			maySubscribe(registry.find(name)!, name, { id: 'ann' }, new Set(scopes));
		expect(may('rooms/42/messages')).toBe(false);
		expect(may('rooms/42/messages', 'rooms/4', 'rooms/42/messages')).toBe(false);
		expect(may('rooms/42/messages', 'rooms/42')).toBe(true);
		expect(may('orgs/7/projects/3/log', 'orgs/7')).toBe(true);
		expect(may('orgs/7/projects/3/log', 'orgs/7/projects/3')).toBe(true);
		expect(may('orgs/7/projects/3/log', 'orgs/7/projects')).toBe(false);
		expect(may('news')).toBe(true);
	});

	it('is asked with its parameters when its access is a function', () => {
		const own = createRegistry([{ 'users/[user]/feed': topic(({ id }, { user }) => id === user) }]);
		const may = (name: string) => maySubscribe(own.find(name)!, name, { id: 'ann' }, new Set());
		expect([may('users/ann/feed'), may('users/bob/feed')]).toEqual([true, false]);
	});
});

it('a wildcard is found, also one that fixes some parameters', () => {
	expect(registry.findWildcard('rooms/*/messages')?.pattern.text).toBe(ROOMS);
	expect(registry.findWildcard('orgs/7/projects/*/log')?.params).toEqual({
		org: '7',
		project: '*'
	});
	expect(registry.findWildcard('*/42/messages')).toBeUndefined();
	expect(registry.findWildcard('rooms/4*/messages')).toBeUndefined();
});

describe('declarations are refused', () => {
	const declare = (...names: string[]) =>
		createRegistry(names.map((name) => ({ [name]: topic() })));
	it.each([
		['rooms/[room]/messages', 'rooms/[id]/messages'],
		['rooms/lobby/messages', 'rooms/[room]/messages'],
		['rooms/[room]/messages', 'rooms/lobby/messages'],
		['a/[b]/[c]', 'a/x/y']
	])('when a topic could be of both: %s and %s', (a, b) => {
		expect(() => declare(a, b)).toThrow(/could be of/);
	});

	it.each([
		['rooms/[room]/messages', 'rooms/[room]/typing'],
		['rooms/[room]', 'rooms/[room]/messages'],
		['rooms/v1.2/messages', 'rooms/[room]/messages']
	])('but not when none could: %s and %s', (a, b) => {
		expect(declare(a, b).keys()).toEqual(expect.arrayContaining([a, b]));
	});

	it('with the names of both files', () => {
		const parts = {
			'./features/a/topics.ts': { x: topic() },
			'./features/b/topics.ts': { x: topic() }
		};
		expect(() => createRegistry(parts)).toThrow(
			'topic "x" is declared twice (./features/a/topics.ts and ./features/b/topics.ts)'
		);
	});

	it.each([
		'',
		'/',
		'a/',
		'a//b',
		'[a]/b',
		'a/[b',
		'a/[b]c',
		'a/[b]/[b]',
		'a/*',
		'a b',
		'$own',
		'gap',
		'denied'
	])('when the name is "%s"', (name) => {
		expect(() => declare(name)).toThrow();
	});
});

it('the payload of a topic, of a wildcard and the parameters are known as types', () => {
	const topics = defineTopics({
		news: { schema: schema<{ title: string }>() },
		'rooms/[room]/messages': { schema: schema<{ text: string }>(), access: 'granted' }
	});
	expect(Object.keys(topics)).toContain('news');
	type Topics = PayloadsOf<typeof topics>;
	expectTypeOf<TopicOf<Topics>>().toEqualTypeOf<'news' | `rooms/${string}/messages`>();
	expectTypeOf<PayloadOf<`rooms/${string}/messages`, Topics>>().toEqualTypeOf<{ text: string }>();
	expectTypeOf<PayloadOf<'rooms/*/messages', Topics>>().toEqualTypeOf<{ text: string }>();
	expectTypeOf<PayloadOf<'news', Topics>>().toEqualTypeOf<{ title: string }>();
	expectTypeOf<PatternOf<'rooms/9/messages', Topics>>().toEqualTypeOf<'rooms/[room]/messages'>();
	expectTypeOf<ParamsOf<'orgs/[org]/projects/[project]/log'>['project']>().toEqualTypeOf<string>();
});

describe('a signal', () => {
	const fits = topic();
	it.each([
		[{ ...fits, durable: false, retention: { seconds: 1 } }, '`retention`'],
		[{ ...fits, durable: false, replay: { last: 1 } }, '`replay`'],
		[{ ...fits, durable: false, history: 'all' }, '`history`'],
		[{ ...fits, ttl: 1000 }, '`ttl`'],
		[{ ...fits, send: 'clients' }, '`send`'],
		[{ ...fits, coalesce: 'x' }, '`coalesce`'],
		[{ ...fits, durable: false, ttl: 1.5 }, '`ttl`']
	] as [TopicDefinition, string][])('is not declared as %s', (definition, what) => {
		expect(() => createRegistry([{ typing: definition }])).toThrow(what);
	});
});
