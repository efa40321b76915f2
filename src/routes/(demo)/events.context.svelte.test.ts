import { afterEach, describe, expect, it } from 'vitest';
import { oddPayloads } from '../../../tests/support/odd-payloads.ts';
import {
	caughtUp,
	endPages,
	entry,
	line,
	logEvent,
	logTexts,
	prompt,
	start,
	texts
} from './started-page.ts';

afterEach(endPages);

describe('the page of a reader who comes back', () => {
	it('shows an event, too, whose data the page could carry only as text', () => {
		const [first, second] = [line(4, 'one'), line(7, 'two')];
		const asText = { ...second, data: null, json: JSON.stringify(second.data) };
		const { events } = start({ events: [first, asText], cursor: '9' });
		expect(texts(events)).toEqual(['one', 'two']);
	});

	it('goes on where the server-rendered history ends, without showing its last line twice', () => {
		const { events, source } = start({ events: [line(4, 'one'), line(7, 'two')], cursor: '9' });
		expect(source().cursor).toBe('9');
		source().emit('message', 7, line(7, 'two').data);
		source().emit('message', 10, line(10, 'three').data);
		expect(texts(events)).toEqual(['one', 'two', 'three']);
	});

	it('shows the same whether the events came with the page or by the stream', () => {
		const history = [
			line(1, 'old run'),
			{ id: '2', topic: 'reset', data: { id: 'r' } },
			line(3, 'hello'),
			prompt(4, 'Hello yourself'),
			logEvent(5, 'started')
		];
		const rendered = start({ events: history, cursor: '5' }).events;
		const { events: streamed, source } = start();
		for (const { id, topic, data } of history) source().emit(topic, Number(id), data);
		expect(streamed.chat).toEqual(rendered.chat);
		expect(streamed.logs).toEqual(rendered.logs);
		expect(texts(rendered)).toEqual(['hello']);
		expect(rendered.expectedPrompt).toBe('Hello yourself');
	});

	it('is not broken by an event that somebody published without an object in it', () => {
		const { events, source } = start({ events: [{ id: '1', topic: 'logs', data: null }] });
		source().emit('notifications', 2, '"just text"');
		source().emit('logs', 3, entry('fine'));
		expect(events.inbox.shown).toEqual([]);
		expect(logTexts(events)).toEqual(['fine']);
	});

	it.each(oddPayloads({ ...entry('odd'), type: 'info' }))(
		'is told of a notification in passing only with text: %s',
		(_, data) => {
			const { source, notices } = start();
			source().open().emit('notifications', 1, data);
			source().emit('notifications', 2, { ...entry('fine'), type: 'info' });
			for (const { text } of notices) expect(text).toMatch(/^\S+$/);
			expect(notices.at(-1)).toMatchObject({ tone: 'news', text: 'fine' });
		}
	);
});

describe('turning a topic off and on', () => {
	it('keeps the list while the topic is off', () => {
		const { events, source } = start({ events: [logEvent(1, 'a')], cursor: '1' });
		events.toggleTopic('logs');
		expect(events.activeTopics.has('logs')).toBe(false);
		expect(source().topics.join()).not.toContain('logs');
		source().emit('caught-up', 5, caughtUp(5));
		expect(logTexts(events)).toEqual(['a']);
	});

	it('keeps the list when the topic is turned on and off again before any replay', () => {
		const { events, source } = start({ events: [logEvent(1, 'a')], cursor: '1' });
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		source().emit('caught-up', 5, caughtUp(5));
		expect(logTexts(events)).toEqual(['a']);
	});

	it('shows each replayed event once, and what was missed with it', () => {
		const { events, source } = start({ events: [logEvent(1, 'a'), logEvent(2, 'b')], cursor: '2' });
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		expect(logTexts(events), 'no empty list before the replay begins').toEqual(['b', 'a']);
		source().emit('logs', 1, entry('a'));
		source().emit('logs', 2, entry('b'));
		source().emit('logs', 3, entry('missed'));
		source().emit('caught-up', 3, caughtUp(3));
		source().emit('logs', 4, entry('live'));
		expect(logTexts(events)).toEqual(['live', 'missed', 'b', 'a']);
	});

	it('shows each event once when it is turned off and on again in the middle of a replay', () => {
		const { events, source } = start({ events: [logEvent(1, 'a')], cursor: '2' });
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		source().emit('logs', 1, entry('a'));
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		source().emit('logs', 1, entry('a'));
		source().emit('logs', 2, entry('b'));
		source().emit('caught-up', 2, caughtUp(2));
		expect(logTexts(events)).toEqual(['b', 'a']);
	});

	it('empties the list when the log has kept nothing of the topic', () => {
		const { events, source } = start({ events: [logEvent(1, 'a')], cursor: '1' });
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		source().emit('caught-up', 1, caughtUp(1));
		expect(logTexts(events)).toEqual([]);
	});

	it('leaves the other topics as they are', () => {
		const { events, source } = start({ events: [line(1, 'hello')], cursor: '1' });
		events.toggleTopic('logs');
		events.toggleTopic('logs');
		source().emit('logs', 1, entry('a'));
		source().emit('caught-up', 2, caughtUp(2));
		expect(texts(events)).toEqual(['hello']);
	});
});

describe('when the log says that history is missing', () => {
	it('shows what it still has, once, and says so', () => {
		const { events, source } = start({ events: [line(1, 'one'), prompt(2, 'Go')], cursor: '90' });
		for (const topic of ['message', 'prompt']) {
			source().emit('gap', 90, { topic, after: '90', oldest: '1' });
		}
		source().emit('message', 1, line(1, 'one').data);
		source().emit('gap', 90, { topic: 'end', after: '90', oldest: null });
		source().emit('prompt', 2, prompt(2, 'Go').data);
		source().emit('caught-up', 2, caughtUp(2));
		expect(texts(events)).toEqual(['one']);
		expect(events.expectedPrompt).toBe('Go');
		expect(events.trimmed.has('chat')).toBe(true);
		expect(events.trimmed.has('logs')).toBe(false);
	});

	it('keeps what it shows when only what lies between is missing', () => {
		const { events, source } = start({ events: [line(1, 'one')], cursor: '1' });
		source().emit('gap', 2, { topic: 'message', after: '1', oldest: '3' });
		source().emit('message', 3, line(3, 'three').data);
		source().emit('caught-up', 3, caughtUp(3));
		expect(texts(events)).toEqual(['one', 'three']);
		expect(events.trimmed.has('chat')).toBe(true);
	});

	it('is loaded anew when the log has lost what it shows', () => {
		const { reloads, source } = start({ events: [line(1, 'one'), line(5, 'five')], cursor: '5' });
		source().emit('gap', '', { topic: 'message', after: '1', oldest: '1', lost: '5' });
		expect(reloads()).toBe(1);
	});
});

describe('what the player does', () => {
	const asking = { events: [line(1, 'Who is there?'), prompt(2, 'Me')], cursor: '2' };

	it('says a line once, however often the button is pressed before the line is there', async () => {
		const { events, server, source } = start(asking);
		const first = events.sendPrompt();
		await events.sendPrompt();
		server.answer(Response.json({ success: true }));
		await first;
		expect(events.pending, 'answered, but the line has not arrived').toBe('send_prompt');
		await events.sendPrompt();
		expect(server.requests).toEqual([{ action: 'send_prompt' }]);
		source().emit('message', 3, line(3, 'Me', true).data);
		expect(events.pending).toBe(null);
		expect(events.expectedPrompt).toBe(null);
	});

	it('says nothing while the story does not wait for it', async () => {
		const { events, server } = start();
		await events.sendPrompt();
		expect(server.requests).toEqual([]);
	});

	it('takes it calmly when another tab was faster', async () => {
		const { events, server } = start(asking);
		const sent = events.sendPrompt();
		server.answer(
			Response.json({ error: { code: 'not_waiting', message: 'no' } }, { status: 409 })
		);
		await sent;
		expect(events.actionError).toBe(null);
	});

	it('says when the server cannot be reached, and may be tried again', async () => {
		const { events, server } = start(asking);
		const { sendPrompt } = events;
		const sent = sendPrompt();
		server.answer(new TypeError('Failed to fetch'));
		await sent;
		expect(events.actionError).toMatchObject({ action: 'send_prompt', signedOut: false });
		expect(events.pending).toBe(null);

		const again = sendPrompt();
		expect(events.actionError).toBe(null);
		server.answer(Response.json({ success: true }));
		await again;
		expect(server.requests).toHaveLength(2);
	});

	it('hands on what the server says is to be done', async () => {
		const { events, server } = start(asking);
		const sent = events.resetChat();
		const error = { code: 'database_unavailable', message: 'Try again in a moment.' };
		server.answer(Response.json({ error }, { status: 503 }));
		await sent;
		expect(events.actionError?.message).toBe('Try again in a moment.');
	});

	it('survives an error page that is not from us', async () => {
		const { events, server } = start(asking);
		const sent = events.resetChat();
		server.answer(new Response('<h1>Bad Gateway</h1>', { status: 502 }));
		await sent;
		expect(events.actionError?.message).toContain('502');
	});

	it('asks to sign in when the session has ended', async () => {
		const { events, server } = start(asking);
		const sent = events.sendPrompt();
		server.answer(Response.json({ error: { code: 'unauthorized', message: '' } }, { status: 401 }));
		await sent;
		expect(events.actionError?.signedOut).toBe(true);
	});

	it('sees the old run until the reset is in the log, and the new run after it', async () => {
		const { events, server, source } = start(asking);
		const reset = events.resetChat();
		server.answer(Response.json({ success: true }));
		await reset;
		expect(events.pending).toBe('reset');
		expect(texts(events)).toEqual(['Who is there?']);
		source().emit('reset', 3, { id: 'r1' });
		source().emit('message', 4, line(4, 'Again?').data);
		expect(events.pending).toBe(null);
		expect(texts(events)).toEqual(['Again?']);
	});
});

describe('a reset', () => {
	const said = { events: [line(1, 'old')], cursor: '1' };

	it('offers to be taken back once it is in the log, and only where it was asked for', async () => {
		const { events, server, source, notices } = start(said);
		const reset = events.resetChat();
		server.answer(Response.json({ success: true }));
		await reset;
		expect(notices).toEqual([]);
		source().emit('reset', 2, { id: 'r1' });
		expect(notices).toMatchObject([{ tone: 'done', text: 'The story begins anew.' }]);
		source().emit('message', 3, line(3, 'new').data);
		const undoing = notices[0]!.undo!();
		server.answer(Response.json({ success: true }));
		await undoing;
		expect(server.requests.at(-1)).toEqual({ action: 'undo_reset' });
		source().emit('reset', 4, { id: 'u', undo: true });
		expect(texts(events)).toEqual(['old']);
		source().emit('reset', 5, { id: 'r2' });
		expect(notices, 'another device has reset').toHaveLength(1);
	});

	it('that cannot be taken back any more says so, and the page goes on', async () => {
		const { events, server } = start(said);
		const undoing = events.undoReset();
		const error = { code: 'nothing_to_undo', message: 'There is no reset to take back.' };
		server.answer(Response.json({ error }, { status: 409 }));
		await undoing;
		expect(events.actionError?.message).toBe(error.message);
		expect(events.pending).toBe(null);
	});
});

it('tells the reader when the session has ended, and keeps what was shown', () => {
	const { events, source } = start({ events: [line(1, 'kept')], cursor: '1' });
	source().emit('signed-out', 1, { reason: 'revoked' });
	expect(events.signedOut).toBe(true);
	expect(texts(events)).toEqual(['kept']);
});
