import { describe, expect, test } from 'vitest';
import { LineSplitter, parseLine } from './lines.ts';

/** Splits a text that comes in chunks of some bytes. */
function split(text: string, size: number, max?: number) {
	const bytes = Buffer.from(text);
	const splitter = new LineSplitter(max);
	const lines = [];
	for (let at = 0; at < bytes.length; at += size) {
		lines.push(...splitter.push(bytes.subarray(at, at + size)));
	}
	lines.push(...splitter.end());
	return lines.map(({ number, bytes: line }) => [number, line?.toString() ?? null]);
}

describe('a feed', () => {
	test.each([1, 2, 3, 7, 1000])('has the same lines in chunks of %i bytes', (size) => {
		expect(split('{"a":1}\n\n"ü😀"\r\n\r\n3', size)).toEqual([
			[1, '{"a":1}'],
			[3, '"ü😀"\r'],
			[5, '3']
		]);
		expect(split('1\n2\n', size)).toEqual([
			[1, '1'],
			[2, '2']
		]);
		expect(split('', size)).toEqual([]);
	});

	test('may have lines of exactly the maximum', () => {
		expect(split('1\n4444\n1', 3, 4)).toEqual([
			[1, '1'],
			[2, '4444'],
			[3, '1']
		]);
	});

	test('with a line that never ends is told so as soon as it is too long', () => {
		const splitter = new LineSplitter(4);
		expect([...splitter.push(Buffer.from('1\n22'))]).toMatchObject([{ number: 1 }]);
		expect([...splitter.push(Buffer.from('22'))]).toEqual([]);
		expect([...splitter.push(Buffer.from('2'))]).toEqual([{ number: 2, bytes: null }]);
	});
});

describe('a line', () => {
	test('is JSON', () => {
		expect(parseLine({ number: 1, bytes: Buffer.from('{"a":"ü"}\r') })).toEqual({ a: 'ü' });
	});

	test.each([
		['text', Buffer.from('text')],
		['half of an object', Buffer.from('{"a":')],
		['a byte that is no UTF-8, which would be stored as another', Buffer.from([0x22, 0xff, 0x22])]
	])('is refused when it is %s', (_, bytes) => {
		expect(() => parseLine({ number: 1, bytes })).toThrow(
			expect.objectContaining({ code: 'invalid_body', status: 400 })
		);
	});

	test('is refused when it is too long', () => {
		expect(() => parseLine({ number: 1, bytes: null })).toThrow(
			expect.objectContaining({ code: 'body_too_large', status: 413 })
		);
	});
});
