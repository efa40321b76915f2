import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Returns true when an `Authorization` header carries the token. The time that this takes says nothing about the token: digests
 * are compared, which have one length, and all of their bytes are.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function carriesToken(authorization: string | null | undefined, token: string): boolean {
	const [, given = ''] = /^bearer +(.*\S)/i.exec(authorization ?? '') ?? [];
	return timingSafeEqual(digest(given), digest(token));
}

const digest = (text: string) => createHash('sha256').update(text).digest();
