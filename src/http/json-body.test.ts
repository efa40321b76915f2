import { expect, test } from 'vitest';
import { readJsonBody } from './json-body.ts';

const request = (body: BodyInit | null, headers: Record<string, string> = {}) =>
	new Request('http://localhost/', {
		method: 'POST',
		body,
		headers,
		duplex: 'half'
	} as RequestInit);

/** A body in pieces, without a length. Counts how many pieces were read. */
function stream(pieces: Iterable<string>) {
	let taken = 0;
	let cancelled = false;
	const iterator = pieces[Symbol.iterator]();
	const body = new ReadableStream<Uint8Array>({
		pull: (controller) => {
			const next = iterator.next();
			if (next.done) return controller.close();
			taken++;
			controller.enqueue(new TextEncoder().encode(next.value));
		},
		cancel: () => {
			cancelled = true;
		}
	});
	return { body, taken: () => taken, cancelled: () => cancelled };
}

function* endless() {
	for (;;) yield ' '.repeat(1000);
}

test('reads JSON, also when it comes in pieces that split a character', async () => {
	expect(await readJsonBody(request('{"a":[1,"ü"]}'), 100)).toEqual({ a: [1, 'ü'] });
	const bytes = new TextEncoder().encode('"ü"');
	const body = new ReadableStream<Uint8Array>({
		start: (controller) => {
			for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
			controller.close();
		}
	});
	expect(await readJsonBody(request(body), 100)).toBe('ü');
});

test('takes a body of exactly the allowed size, and refuses one byte more', async () => {
	expect(await readJsonBody(request('"12345678"'), 10)).toBe('12345678');
	await expect(readJsonBody(request('"123456789"'), 10)).rejects.toMatchObject({
		code: 'body_too_large',
		status: 413,
		message: 'The body must be at most 10 bytes.'
	});
});

test('refuses by the declared length, without reading', async () => {
	const { body, taken } = stream(endless());
	const before = taken();
	const big = request(body, { 'content-length': '1000000' });
	await expect(readJsonBody(big, 10)).rejects.toMatchObject({ code: 'body_too_large' });
	expect(taken() - before).toBeLessThanOrEqual(1);
});

test('stops reading a body that never ends, and does not cut the connection before the answer', async () => {
	const { body, taken, cancelled } = stream(endless());
	await expect(readJsonBody(request(body), 5000)).rejects.toMatchObject({ code: 'body_too_large' });
	expect(taken()).toBeLessThanOrEqual(8);
	expect(cancelled()).toBe(false);
});

test.each([[''], ['{'], ['action=reset'], ['undefined'], [null]])(
	'%j is not JSON',
	async (body) => {
		await expect(readJsonBody(request(body), 100)).rejects.toMatchObject({
			code: 'invalid_body',
			status: 400,
			message: 'The body must be JSON in UTF-8.'
		});
	}
);

test('refuses other bytes than UTF-8, which would make two different keys equal', async () => {
	const body = Buffer.from('{"key":"\xe9"}', 'latin1');
	await expect(readJsonBody(request(body), 100)).rejects.toMatchObject({ code: 'invalid_body' });
});
