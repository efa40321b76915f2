import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { AT_FIRST, conditionOf, LIFE, type Condition, type LinkState } from './life.ts';
import { Link } from './link.ts';
import { StreamRefused } from './refusal.ts';

/**
 * What the client does, written down by hand from what can be seen of it: sockets, timers and its state.
 *
 * - `–`: nothing
 * - `anew`, `again`: a new connection at once. If it fails, the wait is short, or longer than the last one.
 * - `waits`, `fails`, `obeys`, `holds`: no connection, and only `waits` tells no error. The next is due after the back-off, the last
 *   two when the server allows it or the network is back.
 * - `asks`: fails, and asks why
 * - `doubts`, `told`: the connection stays. It may be dead, or not.
 * - `till online`: the connection stays until the network is back
 * - `rests`: neither connection nor timer
 * - `ends`: the same, and for good
 */
const EXPECTED = `
             | idle | connecting  | waiting | connected   | overdue     | error
cached       | –    | rests       | rests   | rests       | rests       | rests
restored     | –    | anew        | anew    | anew        | anew        | anew
hidden       | –    | –           | –       | –           | –           | –
seen         | –    | –           | anew    | –           | anew        | anew
asleep       | –    | –           | –       | doubts      | doubts      | –
offline      | –    | till online | holds   | till online | till online | holds
online       | –    | –           | anew    | –           | anew        | anew
quiet        | –    | –           | –       | doubts      | doubts      | –
silent       | –    | fails       | fails   | waits       | waits       | –
lost         | –    | fails       | fails   | waits       | waits       | –
unreachable  | –    | fails       | fails   | waits       | waits       | –
refused      | –    | asks        | asks    | waits       | waits       | –
accepted     | –    | –           | –       | –           | –           | again
intercepted  | –    | –           | –       | –           | –           | obeys
unauthorized | –    | ends        | ends    | ends        | ends        | ends
forbidden    | –    | –           | –       | –           | –           | obeys
limited      | –    | –           | –       | –           | –           | obeys
drained      | –    | –           | –       | –           | –           | obeys
unavailable  | –    | –           | –       | –           | –           | obeys
rejected     | –    | –           | –       | –           | –           | obeys
invalid      | –    | ends        | ends    | ends        | ends        | ends
renewed      | –    | waits       | waits   | anew        | anew        | –
denied       | –    | told        | told    | told        | till online | –
signed-out   | –    | ends        | ends    | ends        | ends        | ends
`;

const [HEAD, ...ROWS] = EXPECTED.trim()
	.split('\n')
	.map((line) => line.split('|').map((cell) => cell.trim()));
/** `waiting`: an open connection was lost. `overdue`: connected, and the computer has slept. */
const SITUATIONS = HEAD!.slice(1);
const CELLS = ROWS.flatMap(([condition, ...cells]) =>
	cells.map((does, i) => ({ condition: condition as Condition, situation: SITUATIONS[i]!, does }))
);

let state: LinkState;
let asked = 0;
let link: Link;

beforeEach(() => {
	vi.useFakeTimers();
	vi.spyOn(Math, 'random').mockReturnValue(0.999);
	DrivenEventSource.all = [];
	asked = 0;
	state = { ...AT_FIRST };
	link = new Link(
		{
			target: () => ({
				EventSource: DrivenEventSource,
				url: '/api/events',
				names: [],
				fetch: () => {
					asked += 1;
					return new Promise<Response>(() => {});
				}
			}),
			onEvent: () => {},
			onState: (now) => (state = now),
			onUnauthorized: () => {},
			debug: () => {}
		},
		1000
	);
});
afterEach(() => {
	link.close();
	expect(vi.getTimerCount()).toBe(0);
	vi.useRealTimers();
	vi.restoreAllMocks();
});

/** One attempt has failed before, so that a wait that starts small again can be told from one that does not. */
function bring(situation: string): void {
	if (situation === 'idle') return;
	link.open();
	DrivenEventSource.last.fail();
	if (situation === 'error') return;
	link.replace();
	if (situation === 'connecting') return;
	DrivenEventSource.last.open();
	vi.advanceTimersByTime(2000);
	if (situation === 'waiting') DrivenEventSource.last.fail();
	if (situation === 'overdue') vi.setSystemTime(Date.now() + 60_000);
}

function observe(condition: Condition): string {
	const before = state;
	const { length } = DrivenEventSource.all;
	const grew = () => DrivenEventSource.all.length > length;
	const wasOpen = DrivenEventSource.all.at(-1)?.readyState ?? 2;
	const retryAfter = 60_000;
	const error = new StreamRefused('No.', { status: 429, code: '', retryAfter });
	link.meet(condition, error);
	const isOpen = DrivenEventSource.all.at(-1)?.readyState ?? 2;
	if (grew()) {
		expect(DrivenEventSource.all[length - 1]!.readyState, 'the old connection').toBe(2);
		expect(state.status).toBe('connecting');
		DrivenEventSource.last.fail();
		return state.retryAt! - Date.now() < 1000 ? 'anew' : 'again';
	}
	if (state === before || JSON.stringify(state) === JSON.stringify(before)) return '–';
	expect(state.condition).toBe(condition);
	if (wasOpen !== 2 && isOpen === wasOpen) {
		expect(state.status).toBe(before.status);
		if (state.suspect) return 'doubts';
		link.meet('online');
		return grew() ? 'till online' : 'told';
	}
	expect(isOpen, 'the connection').toBe(2);
	if (state.retryAt === null) {
		expect(vi.getTimerCount()).toBe(0);
		return state.status === 'error' ? 'ends' : 'rests';
	}
	if (state.retryAt === before.retryAt) return 'told';
	if (asked > 0) return 'asks';
	const due = state.retryAt - Date.now();
	if (due === 30_000) return 'holds';
	if (due >= retryAfter) return 'obeys';
	return state.status === 'error' ? 'fails' : 'waits';
}

describe('the life of a page', () => {
	it('has a row for each condition', () => {
		expect(ROWS.map(([name]) => name)).toEqual(Object.keys(LIFE));
		expect(CELLS.every(({ does }) => does !== '')).toBe(true);
		expect(CELLS).toHaveLength(ROWS.length * 6);
	});

	it.each(CELLS)('$condition while $situation: $does', ({ condition, situation, does }) => {
		bring(situation);
		expect(observe(condition)).toBe(does);
	});
});

it('a page tells that its device is offline for as long as it is, whatever breaks for that reason', () => {
	bring('connected');
	link.meet('offline');
	expect([state.status, state.condition]).toEqual(['connected', 'offline']);
	DrivenEventSource.last.fail();
	expect([state.status, state.condition]).toEqual(['connecting', 'offline']);
	vi.advanceTimersByTime(30_000);
	DrivenEventSource.last.fail();
	expect([state.status, state.condition]).toEqual(['error', 'offline']);
	link.meet('online');
	DrivenEventSource.last.open();
	expect([state.status, state.condition]).toEqual(['connected', null]);
});

it.each<[Condition, () => void]>([
	['quiet', () => vi.advanceTimersByTime(20_000)],
	[
		'asleep',
		() => {
			vi.setSystemTime(Date.now() + 60_000);
			vi.advanceTimersByTime(20_000);
		}
	],
	['offline', () => link.meet('offline')]
])('a page whose stream lacks a topic tells so again once it is not "%s" any more', (met, pass) => {
	bring('connected');
	link.listen('keep-alive');
	link.meet('denied');
	pass();
	expect([state.status, state.condition]).toEqual(['connected', met]);
	DrivenEventSource.last.emit('keep-alive', '', {});
	expect([state.status, state.condition, state.suspect]).toEqual(['connected', 'denied', false]);

	// The next connection may carry the topic.
	DrivenEventSource.last.fail();
	expect(state.condition).not.toBe('denied');
	vi.advanceTimersByTime(30_000);
	DrivenEventSource.last.open();
	link.listen('keep-alive');
	expect([state.status, state.condition]).toEqual(['connected', null]);
	link.meet('offline');
	DrivenEventSource.last.emit('keep-alive', '', {});
	expect(state.condition).toBe(null);
});

it.each([
	[200, '', 'intercepted'],
	[401, 'unauthorized', 'unauthorized'],
	[403, 'forbidden_topic', 'forbidden'],
	[404, '', 'rejected'],
	[429, 'too_many_connections', 'limited'],
	[502, '', 'unavailable'],
	[503, 'overloaded', 'unavailable'],
	[503, 'draining', 'drained']
])('the answer %s %s is the condition %s', (status, code, condition) => {
	expect(conditionOf({ status, code })).toBe(condition);
});
