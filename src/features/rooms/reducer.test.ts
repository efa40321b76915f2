import { render } from 'svelte/server';
import { expect, test } from 'vitest';
import { oddPayloads } from '../../../tests/support/odd-payloads.ts';
import {
	dropRoom,
	emptyRoom,
	isConfidential,
	isPayload,
	mailAbout,
	MAX_LINES,
	noRooms,
	reduceMails,
	reduceRooms,
	scopeOf,
	topicOf,
	type Mail,
	type RoomEvent
} from './reducer.ts';
import { Drafts } from './drafts.ts';
import RoomPanel from './room-panel.svelte';
import { topics } from './topics.ts';

const ann = { id: 'a', name: 'ann' };
const bob = { id: 'b', name: 'bob' };
const PLANS = 'rooms/plans/messages';
const SECRETS = 'vaults/secrets/messages';
const timestamp = '2030-01-02T03:04:05.000Z';

let nextID = 1;
const event = (topic: string, data: Partial<RoomEvent['data']>): RoomEvent => ({
	id: String(nextID++),
	topic,
	data: { room: scopeOf(topic), user: ann, timestamp, ...data } as RoomEvent['data']
});
const says = (topic: string, text: string, user = ann) =>
	event(topic, { type: 'message', text, user });
const members = (topic: string, type: 'created' | 'joined' | 'left', ...names: string[]) =>
	event(topic, { type, members: names });

const history = [
	members(PLANS, 'created', 'ann'),
	says(PLANS, 'hello'),
	members(PLANS, 'joined', 'ann', 'bob'),
	members(SECRETS, 'created', 'ann'),
	says(PLANS, 'hello ann', bob),
	says(SECRETS, 'psst'),
	members(PLANS, 'left', 'ann')
];
const whole = history.reduce(reduceRooms, noRooms);

test('the first event of a room brings the room, and the newest room comes first', () => {
	expect(whole.rooms.map(({ scope }) => scope)).toEqual(['vaults/secrets', 'rooms/plans']);
	expect(whole.rooms.map(isConfidential)).toEqual([true, false]);
	const [, plans] = whole.rooms;
	expect(plans!.lines.map(({ type, text }) => text || type)).toEqual([
		'created',
		'hello',
		'joined',
		'hello ann',
		'left'
	]);
	expect(plans!.members).toEqual(['ann']);
});

test('rooms begun on the server and continued in the browser are the same, wherever they are split', () => {
	for (let k = 0; k <= history.length; k++) {
		const rendered = history.slice(0, k).reduce(reduceRooms, noRooms);
		expect(history.slice(k).reduce(reduceRooms, rendered)).toEqual(whole);
	}
});

test('a room that is known before its history keeps its place', () => {
	const room = (scope: 'rooms/plans' | 'rooms/other') => ({
		scope,
		name: 'known',
		members: ['ann'],
		lines: []
	});
	const start = { ...noRooms, rooms: [room('rooms/plans'), room('rooms/other')] };
	const { rooms } = reduceRooms(start, says('rooms/other/messages', 'hello'));
	expect(rooms.map(({ scope }) => scope)).toEqual(['rooms/plans', 'rooms/other']);
	expect(rooms[1]).toMatchObject({ members: ['ann'], lines: [{ text: 'hello' }] });
});

test('who loses a room keeps nothing of it, and is told its name', () => {
	const after = dropRoom(whole, PLANS);
	expect(after.rooms.map(({ scope }) => scope)).toEqual(['vaults/secrets']);
	expect(after.gone).toBe('rooms/plans');
	expect(dropRoom(after, PLANS)).toBe(after);
	expect(reduceRooms(after, says(SECRETS, 'more')).gone).toBe('rooms/plans');
	const again = reduceRooms(after, members(PLANS, 'joined', 'ann'));
	expect(again.gone, 'the viewer is back').toBe(null);
	expect(again.rooms[0]!.lines).toHaveLength(1);
});

test('before the history of a room comes again, its lines go', () => {
	const { rooms } = emptyRoom(whole, PLANS);
	expect(rooms.map(({ lines }) => lines.length)).toEqual([2, 0]);
});

test('of a long history, the newest lines are kept', () => {
	const many = Array.from({ length: MAX_LINES + 10 }, (_, n) => says(PLANS, String(n)));
	const [room] = many.reduce(reduceRooms, noRooms).rooms;
	expect(room!.lines).toHaveLength(MAX_LINES);
	expect(room!.lines.at(-1)!.text).toBe(String(MAX_LINES + 9));
	expect(room!.lines[0]!.text).toBe('10');
});

test('a state that was handed out never changes', () => {
	const before = structuredClone(whole);
	reduceRooms(whole, says(PLANS, 'more'));
	dropRoom(whole, PLANS);
	emptyRoom(whole, PLANS);
	expect(whole).toEqual(before);
	expect(noRooms).toEqual({ rooms: [], gone: null });
});

test('a scope and its topic belong together', () => {
	expect(topicOf('rooms/plans')).toBe(PLANS);
	expect(scopeOf(SECRETS)).toBe('vaults/secrets');
});

test('what is emitted can be shown, and what anybody may insert by SQL is not shown', async () => {
	for (const { data } of history) {
		expect(isPayload(data)).toBe(true);
		const { schema } = topics['rooms/[room]/messages'];
		expect(await schema['~standard'].validate(data)).toMatchObject({ value: data });
	}
	for (const data of [null, 7, 'text', [], {}, { room: 'r' }, { room: 'r', user: null }]) {
		expect(isPayload(data)).toBe(false);
	}
});

const mailOf = (scope: string, first: string) => ({
	scope,
	room: 'Plans',
	from: 'bob',
	first,
	unread: 2,
	timestamp
});

test('a mail is shown with its room until the first message that it is about was read', () => {
	const mails = [mailOf('rooms/plans', '20'), mailOf('rooms/plans', '9')].reduceRight(
		reduceMails,
		{}
	);
	const [, plans] = whole.rooms;
	expect(mailAbout(mails, plans!)).toMatchObject({ first: '20' });
	expect(mailAbout(mails, plans!, '19')).toMatchObject({ unread: 2 });
	expect(mailAbout(mails, plans!, '20')).toBe(null);
	expect(mailAbout(mails, whole.rooms[0]!)).toBe(null);
});

test('a mail is a payload that its topic accepts, and what is none changes nothing', async () => {
	const mail = mailOf('rooms/plans', '7');
	const { schema } = topics['room-mail'];
	expect(await schema['~standard'].validate(mail)).toMatchObject({ value: mail });
	const mails = reduceMails({}, mail);
	for (const data of [null, 7, {}, { scope: 'rooms/plans' }]) {
		expect(reduceMails(mails, data as unknown as Mail)).toBe(mails);
	}
});

const ODD_ROWS = [says(PLANS, 'hello'), members(PLANS, 'joined', 'ann')].flatMap(({ data }) =>
	oddPayloads({ ...data, members: ['ann'] })
);

test.each(ODD_ROWS)(
	'an odd row breaks no room, in no browser and not on the server: %s',
	(_, data) => {
		const odd = { id: String(nextID++), topic: PLANS, data } as RoomEvent;
		const events = [says(PLANS, 'before'), odd, says(PLANS, 'after')];
		const shown = events.filter((one) => isPayload(one.data));
		const [room] = shown.reduce(reduceRooms, noRooms).rooms;
		for (const name of room!.members) expect(name).toBeTypeOf('string');
		for (const { id, type, text, timestamp, user } of room!.lines) {
			for (const value of [id, type, text, timestamp, user.id, user.name]) {
				expect(value).toBeTypeOf('string');
			}
		}
		const props = {
			room: room!,
			userID: 'a',
			here: [],
			typing: [],
			failure: null,
			drafts: new Drafts('a')
		};
		const { body } = render(RoomPanel, { props });
		expect(body).toContain('before');
		expect(body).toContain('after');
		expect(body).not.toMatch(/native code|undefined|\[object/);
	}
);

test('of who the members are, only a list of names says something', () => {
	const start = [members(PLANS, 'created', 'ann', 'bob')].reduce(reduceRooms, noRooms);
	for (const odd of [null, 'x', 7, {}, ['ann', 7], [['ann']]]) {
		const data = { type: 'joined', members: odd } as unknown as RoomEvent['data'];
		expect(reduceRooms(start, event(PLANS, data)).rooms[0]!.members).toEqual(['ann', 'bob']);
	}
});

test.each(oddPayloads(mailOf('rooms/plans', '7')))('an odd mail breaks no list: %s', (_, mail) => {
	const mails = reduceMails({}, mail as Mail);
	const [, plans] = whole.rooms;
	const found = mailAbout(mails, plans!);
	if (found) expect([typeof found.unread, typeof found.first]).toEqual(['number', 'string']);
});
