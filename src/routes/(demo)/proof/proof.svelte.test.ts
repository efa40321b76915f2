import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../../tests/support/until.ts';
import { DrivenEventSource } from '../../../../tests/client/driven-event-source.ts';
import { EventsContext } from '../events.context.svelte.ts';

const open: EventsContext[] = [];

afterEach(() => {
	for (const { proof, stream } of open.splice(0)) {
		proof.end();
		stream.close();
	}
});

/** A page that was rendered up to event 10, and a log that says which events the viewer may see. */
function start(
	log: { ids: string[]; fails?: boolean; more?: boolean; answers?: Promise<void> } = { ids: [] }
) {
	DrivenEventSource.all = [];
	const asked: URLSearchParams[] = [];
	const fetcher: typeof fetch = async (input) => {
		const { searchParams } = new URL(String(input), 'http://localhost');
		asked.push(searchParams);
		const [after, upTo] = [searchParams.get('after')!, searchParams.get('upTo')];
		const isAsked = searchParams.getAll('topics').includes('logs');
		const all = isAsked ? log.ids : [];
		const ids = all.filter((id) => +id > +after && (upTo === null || +id <= +upTo));
		await log.answers;
		if (log.fails) throw new TypeError('Failed to fetch');
		return Response.json({ ids, more: log.more ?? false });
	};
	const events = new EventsContext(
		{ events: [], cursor: '10' },
		{ eventSource: DrivenEventSource, fetch: fetcher }
	);
	open.push(events);
	DrivenEventSource.last.open();
	return { ...events, events, proof: events.proof, stream: events.stream, asked };
}

const entry = (id: number) => ({ id: String(id), level: 'info', source: 's', message: `m${id}` });
const send = (...ids: number[]) => {
	for (const id of ids) DrivenEventSource.last.emit('logs', id, entry(id));
};
const caughtUp = (cursor: number) =>
	DrivenEventSource.last.emit('caught-up', '', { topics: [], cursor: String(cursor), log: 'a' });
const summed = (page: ReturnType<typeof start>) =>
	until(() => page.proof.phase === 'here' && page.proof.comeback, { what: 'the sum' });

describe('the sum of an absence', () => {
	it('counts what came between the new connection and the tail, and nothing else', async () => {
		const page = start({ ids: ['11', '12', '13', '14', '15'] });
		send(11);
		caughtUp(11);
		page.proof.cut();
		expect(page.proof.phase).toBe('away');
		page.proof.comeBack();
		DrivenEventSource.last.open();
		send(12, 13, 14);
		caughtUp(14);
		send(15);
		expect(await summed(page)).toMatchObject({
			replayed: 3,
			lost: 0,
			doubled: 0,
			after: '11',
			upTo: '14'
		});
		expect([...page.proof.marked]).toEqual(['12', '13', '14']);
	});

	it('says it when an event is missing that the log has', async () => {
		const page = start({ ids: ['11', '12', '13'] });
		page.proof.cut();
		page.proof.comeBack();
		DrivenEventSource.last.open();
		send(11, 13);
		caughtUp(13);
		expect(await summed(page)).toMatchObject({ replayed: 2, lost: 1 });
	});

	it('says it when a handler is called twice for an event', async () => {
		const page = start({ ids: ['11'] });
		send(11);
		page.proof.cut();
		page.proof.comeBack();
		DrivenEventSource.last.open();
		// The client itself drops what comes twice. A client that did not would call the handler.
		page.proof.handled('logs', '11', entry(11), entry(11));
		caughtUp(11);
		expect(await summed(page)).toMatchObject({ replayed: 0, doubled: 1 });
	});

	it('claims nothing when there is more than it compares', async () => {
		const page = start({ ids: ['11'], more: true });
		page.proof.cut();
		page.proof.comeBack();
		DrivenEventSource.last.open();
		send(11);
		caughtUp(11);
		expect(await summed(page)).toMatchObject({ replayed: 1, lost: null });
	});

	it('claims nothing when the log cannot be asked', async () => {
		const page = start({ ids: [], fails: true });
		page.proof.cut();
		page.proof.comeBack();
		DrivenEventSource.last.open();
		caughtUp(10);
		expect(await summed(page)).toMatchObject({ lost: null });
	});

	it('is made for a connection that was lost, too, and not for one that was replaced', async () => {
		const page = start({ ids: ['11'] });
		page.events.toggleTopic('notifications');
		expect(page.proof.phase).toBe('here');
		DrivenEventSource.last.open();
		caughtUp(10);
		DrivenEventSource.last.fail();
		expect(page.proof.phase).toBe('away');
		page.stream.connect();
		DrivenEventSource.last.open();
		send(11);
		caughtUp(11);
		expect(await summed(page)).toMatchObject({ replayed: 1, lost: 0 });
		const topics = page.asked.at(-1)!.getAll('topics');
		expect(topics, 'what is turned off is not missed').not.toContain('notifications');
	});

	it('does not count as lost what the reader turns off while the log is asked', async () => {
		let answer = () => {};
		const answers = new Promise<void>((resolve) => (answer = resolve));
		const page = start({ ids: ['11', '12'], answers });
		page.proof.cut();
		page.proof.comeBack();
		DrivenEventSource.last.open();
		send(11, 12);
		caughtUp(12);
		expect(page.proof.phase).toBe('returning');
		page.events.toggleTopic('logs');
		answer();
		expect(await summed(page)).toMatchObject({ replayed: 2, lost: 0 });
		expect(page.asked.at(-1)!.getAll('topics')).not.toContain('logs');
	});

	it('counts a topic that begins again neither as doubled nor as missed', async () => {
		const page = start({ ids: ['11', '12'] });
		send(11);
		caughtUp(11);
		page.proof.cut();
		page.events.toggleTopic('logs');
		page.events.toggleTopic('logs');
		page.proof.comeBack();
		DrivenEventSource.last.open();
		send(11, 12);
		caughtUp(12);
		expect(await summed(page)).toMatchObject({ lost: 0, doubled: 0 });
	});
});

it('how much waits is asked while the page is away, until it is back', async () => {
	const page = start({ ids: ['11', '12'] });
	page.proof.cut();
	await until(() => page.proof.waiting === 2, { what: 'two wait', timeoutMs: 5000 });
	page.proof.comeBack();
	DrivenEventSource.last.open();
	send(11, 12);
	caughtUp(12);
	await summed(page);
	expect(page.proof.cutUntil).toBeNull();
});
