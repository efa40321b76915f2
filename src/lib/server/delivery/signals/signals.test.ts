import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attach, openHub, publish } from '../../../../../tests/delivery/live-members.ts';
import { until } from '../../../../../tests/support/until.ts';
import { lineOf, MAX_LINE_OCTETS, pack, unpack } from './packets.ts';
import { SignalQueue } from './queue.ts';
import { Signals } from './signals.ts';

const EPOCH = '16df2b50-915b-4c63-8d02-8944051523ac';
const packet = (head: number, topic: string, json: string) =>
	`${EPOCH} ${head}\n${lineOf({ topic, userId: null, json })}`;

describe('a server', () => {
	const hub = openHub();
	let signals: Signals;
	beforeEach(() => {
		const connection = { query: () => Promise.resolve([]), end: () => Promise.resolve() };
		const quiet = () => undefined;
		const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => logger };
		signals = new Signals({ connection, hub, epoch: () => EPOCH, logger });
		signals.start();
	});
	afterEach(() => signals.stop());

	test('delivers a signal when it has read the log up to the head at its sending, in order, and drops it after a second', async () => {
		const [member] = attach(hub, 'ann: typing');
		signals.receive(packet(2, 'typing', '1'));
		signals.receive(packet(0, 'typing', '2'));
		publish(hub, ['a']);
		await new Promise((resolve) => setImmediate(resolve));
		expect(member.signals).toEqual([]);
		publish(hub, ['a']);
		await until(() => member.signals.length > 0);
		expect(member.signals).toEqual(['typing 1;typing 2;']);
		signals.receive(packet(9, 'typing', '3'));
		await until(() => signals.dropped === 1, { what: 'it was dropped' });
		expect(member.signals).toHaveLength(1);
	});

	test('does not take signals of another log, nor what is none', () => {
		const [member] = attach(hub, 'ann: typing');
		signals.receive(packet(0, 'typing', '1').replace('16df', '26df'));
		signals.receive('hello');
		signals.receive(packet(0, 'typing', '1\rid: 9'));
		expect(member.signals).toEqual([]);
	});
});

test('a packet is never longer than a notification may be, and says what was packed', () => {
	const lines = Array.from({ length: 500 }, (_, n) => {
		const json = JSON.stringify('ü'.repeat((n * 37) % (MAX_LINE_OCTETS / 2 - 20)));
		const line = lineOf({ topic: `t${n}`, userId: null, json });
		return { line, octets: Buffer.byteLength(line), json };
	});
	const packets = pack(lines).map((body) => `${EPOCH} ${2n ** 63n - 1n}\n${body}`);
	for (const text of packets) expect(Buffer.byteLength(text)).toBeLessThan(8000);
	const said = packets.flatMap((text) => unpack(text).signals);
	expect(said.map(({ json }) => json)).toEqual(lines.map(({ json }) => json));
});

test('a full queue drops the oldest, and what has ended is not sent', () => {
	const queue = new SignalQueue({ signals: 3, octets: 1000 });
	const put = (key: string, now: number, ttl = 100) =>
		queue.put({ key, line: key + now, octets: 10, ttl }, now);
	for (const key of ['a', 'b', 'c', 'a', 'd']) put(key, 0);
	put('e', 0, 5);
	const taken = queue.take(1000, 50);
	expect(taken.map(({ line }) => line)).toEqual(['a0', 'd0']);
	expect(queue.dropped).toBe(3);
	put('a', 60);
	queue.putBack(taken);
	expect(queue.take(15, 60).map(({ line }) => line)).toEqual(['a60']);
	expect(queue.take(15, 60).map(({ line }) => line)).toEqual(['d0']);
	expect(queue.size).toBe(0);
});
