import { EventSource } from 'eventsource';
import { describe, expect, it, vi } from 'vitest';
import {
	bring,
	driven,
	driveEachTest,
	handled,
	lose,
	open,
	ROOM,
	ROOMS
} from '../../../tests/client/driven-client.ts';
import { DrivenEventSource } from '../../../tests/client/driven-event-source.ts';
import { frame, StreamServer } from '../../../tests/client/stream-server.ts';
import { until } from '../../../tests/support/until.ts';
import { SSEClient, type EventInfo } from './index.ts';

interface Topics {
	news: unknown;
	'rooms/[room]/messages': unknown;
	'orgs/[org]/projects/[project]/log': unknown;
}

/** Notes `handler topic:id(params)`. */
const record =
	(handler: string) =>
	(_: unknown, { id, topic, params }: EventInfo) => {
		handled.push(`${handler} ${topic}:${id}(${params.join()})`);
	};

driveEachTest();
const connect = driven<Topics>({ [ROOMS]: record('all') });

describe('a wildcard', () => {
	it('hands out the events of each topic that it brings, with the topic and what stands for the stars', () => {
		const client = connect({
			topics: { [ROOMS]: record('all'), 'orgs/*/projects/*/log': record('logs') }
		});
		expect(DrivenEventSource.last.topics).toEqual([`${ROOMS}@0`, 'orgs/*/projects/*/log@0']);
		open();
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {});
		bring('orgs/7/projects/3/log', 'orgs/*/projects/*/log').emit('orgs/7/projects/3/log', 6, {});
		expect(handled).toEqual([
			`all ${ROOM}:3(42)`,
			`all ${ROOM}:5(42)`,
			'logs orgs/7/projects/3/log:6(7,3)'
		]);
		expect(client.topicCounters).toEqual({ [ROOM]: 2, 'orgs/7/projects/3/log': 1 });
		expect(client.lastEventID).toBe('6');
		client.close();
	});

	it('misses nothing that arrives together with the news of a topic', async () => {
		vi.useRealTimers();
		const server = await StreamServer.start();
		const client = new SSEClient<Topics>(server.url, {
			topics: { [ROOMS]: record('all') },
			eventSource: EventSource
		});
		const first = await server.request(1);
		first.send(
			frame(9, 'keep-alive', {}),
			frame(null, 'subscribed', { topic: ROOM, pattern: ROOMS }),
			frame(3, ROOM, {}),
			'id: 9\n\n',
			frame(10, ROOM, {})
		);
		await until(() => handled.length === 2);
		expect(handled).toEqual([`all ${ROOM}:3(42)`, `all ${ROOM}:10(42)`]);
		expect(client.lastEventID).toBe('10');
		client.close();
		await server.stop();
	});

	it('brings the whole history of a topic also to a page that was rendered at a position', () => {
		const client = connect({
			topics: { news: record('news'), [ROOMS]: record('all') },
			lastEventID: '40'
		});
		expect(DrivenEventSource.last.topics).toEqual(['news@0:40', `${ROOMS}@0`]);
		open().emit('news', 12, {});
		bring().emit(ROOM, 12, {}).emit(ROOM, 41, {});
		expect(handled).toEqual([`all ${ROOM}:12(42)`, `all ${ROOM}:41(42)`]);
		expect(client.lastEventID).toBe('41');
		client.close();
	});

	it('hands out nothing twice when a replay breaks off and begins again', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {});
		expect(lose().topics).toEqual([`${ROOMS}@0`]);
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {}).emit(ROOM, 8, {});
		expect(handled.slice(2)).toEqual([`all ${ROOM}:8(42)`]);
		client.close();
	});

	it('starts over when it is removed and added again', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {});
		client.updateTopics({ removeTopics: [ROOMS] });
		expect(client.status).toBe('idle');
		client.updateTopics({ addTopics: [ROOMS] });
		expect(DrivenEventSource.last.topics).toEqual([`${ROOMS}@1`]);
		open();
		bring().emit(ROOM, 3, {});
		expect(handled).toEqual([`all ${ROOM}:3(42)`, `all ${ROOM}:3(42)`]);
		client.close();
	});
});

describe('a topic that is also named', () => {
	it('goes to its own handler only, even if the wildcard brings it, too', () => {
		const client = connect({ topics: { [ROOMS]: record('all'), [ROOM]: record('own') } });
		open();
		bring().emit(ROOM, 3, {});
		bring('rooms/7/messages').emit('rooms/7/messages', 4, {});
		expect(handled).toEqual([`own ${ROOM}:3()`, 'all rooms/7/messages:4(7)']);
		expect(lose().topics).toEqual([`${ROOMS}@0`, `${ROOM}@0:3`]);
		client.close();
	});

	it('has a history of its own when it is named later', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {});
		client.updateTopics({ addTopics: { [ROOM]: record('own') } });
		expect(open().topics).toEqual([`${ROOMS}@0`, `${ROOM}@1`]);
		DrivenEventSource.last.emit(ROOM, 3, {});
		expect(handled).toEqual([`all ${ROOM}:3(42)`, `own ${ROOM}:3()`]);
		client.close();
	});

	it('gives the wildcard all that it has not handed out when it is not named any more', () => {
		const client = connect();
		open();
		bring().emit(ROOM, 3, {});
		client.updateTopics({ addTopics: { [ROOM]: record('own') } });
		open().emit(ROOM, 3, {}).emit(ROOM, 5, {});
		client.updateTopics({ removeTopics: [ROOM] });
		// The server would continue after 5. As another subscription, the wildcard begins at the start.
		expect(open().topics).toEqual([`${ROOMS}@1`]);
		bring().emit(ROOM, 3, {}).emit(ROOM, 5, {}).emit(ROOM, 6, {});
		expect(handled.slice(3)).toEqual([`all ${ROOM}:5(42)`, `all ${ROOM}:6(42)`]);
		client.close();
	});

	it('does not disturb the wildcard when it is removed and added in one change', () => {
		const client = connect({ topics: { [ROOMS]: record('all'), [ROOM]: record('own') } });
		open();
		client.updateTopics({ removeTopics: [ROOM], addTopics: [ROOM] });
		expect(DrivenEventSource.last.topics).toEqual([`${ROOMS}@0`, `${ROOM}@1`]);
		client.close();
	});
});

describe('two wildcards that bring one topic', () => {
	const ORG = 'orgs/7/projects/*/log';
	const ALL = 'orgs/*/projects/*/log';
	const LOG = 'orgs/7/projects/3/log';

	it('do not share it: it stays with the one that has handled it', () => {
		const client = connect({ topics: { [ALL]: record('all'), [ORG]: record('org') } });
		open();
		bring(LOG, ORG).emit(LOG, 3, {});
		lose();
		bring(LOG, ALL).emit(LOG, 4, {});
		expect(handled).toEqual([`org ${LOG}:3(3)`, `org ${LOG}:4(3)`]);
		client.close();
	});

	it('hand it over as a whole when the one that has handled it is removed', () => {
		const client = connect({ topics: { [ALL]: record('all'), [ORG]: record('org') } });
		open();
		bring(LOG, ORG).emit(LOG, 3, {});
		client.updateTopics({ removeTopics: [ORG] });
		expect(open().topics).toEqual([`${ALL}@1`]);
		bring(LOG, ALL).emit(LOG, 3, {});
		expect(handled).toEqual([`org ${LOG}:3(3)`, `all ${LOG}:3(7,3)`]);
		client.close();
	});
});

describe('news of a topic that is not what it should be', () => {
	it.each([
		['no object', null],
		['no wildcard', { topic: ROOM }],
		['a wildcard that nobody asked for', { topic: 'teams/4/log', pattern: 'teams/*/log' }],
		['a topic that the wildcard cannot bring', { topic: 'rooms/4/files', pattern: ROOMS }],
		['a topic with more parts', { topic: 'rooms/4/5/messages', pattern: ROOMS }],
		['a name of the protocol', { topic: 'caught-up', pattern: ROOMS }],
		['a wildcard as topic', { topic: ROOMS, pattern: ROOMS }],
		['a name in place of the wildcard', { topic: 'news', pattern: 'news' }]
	])('is reported and changes nothing: %s', (_, data) => {
		const report = vi.spyOn(console, 'error').mockImplementation(() => {});
		const client = connect({ topics: { news: record('news'), [ROOMS]: record('all') } });
		const first = open().emit('subscribed', '', data);
		for (const topic of ['rooms/4/files', 'teams/4/log', ROOMS]) first.emit(topic, 3, {});
		expect(report).toHaveBeenCalledTimes(1);
		expect(String(report.mock.calls[0]?.[0])).toContain('malformed "subscribed"');
		bring().emit(ROOM, 5, {});
		expect(handled).toEqual([`all ${ROOM}:5(42)`]);
		expect(DrivenEventSource.all).toHaveLength(1);
		client.close();
	});
});
