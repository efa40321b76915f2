import type { IncomingHttpHeaders } from 'node:http';

/**
 * Returns the visitor's address. `ADDRESS_HEADER` names the header that contains it. Of `X-Forwarded-For`, the entry
 * `XFF_DEPTH` from the end counts, because a trusted proxy wrote it; entries before it may be invented by the client.
 * Without `ADDRESS_HEADER`: the address of the connection.
 *
 * @throws Error when the request lacks the header or the entry
 * @see https://svelte.dev/docs/kit/adapter-node#Environment-variables-ADDRESS_HEADER-and-XFF_DEPTH the same rule in
 *   adapter-node
 */
export function visitorAddress(
	headers: IncomingHttpHeaders,
	remoteAddress: string | undefined,
	env: Record<string, string | undefined> = process.env
): string {
	const name = env.ADDRESS_HEADER?.toLowerCase();
	if (!name) return remoteAddress ?? '';
	const value = headers[name];
	if (value === undefined) throw new Error(`The request has no header ${name}`);
	const text = String(value);
	if (name !== 'x-forwarded-for') return text;
	const depth = Number(env.XFF_DEPTH || 1);
	const addresses = text.split(',');
	if (!(depth >= 1)) throw new Error('XFF_DEPTH must be a whole number, at least 1');
	if (depth > addresses.length) {
		throw new Error(`XFF_DEPTH is ${depth}, but x-forwarded-for has ${addresses.length} addresses`);
	}
	return addresses[addresses.length - depth]!.trim();
}
