/** Cookies of its own making. */
import { createHash, randomBytes } from 'node:crypto';
import type { Cookies, RequestEvent } from '@sveltejs/kit';
import { and, eq, gt } from 'drizzle-orm';
import { requireSameUser } from 'logline';
import { errorResponse } from 'logline/server';
import { db } from './database.server';
import { sessions, users } from './schema.server';

const COOKIE = 'sid';
const hash = (token: string) => createHash('sha256').update(token).digest('hex');

/** SvelteKit's own type is in another module in version 3. */
interface Input {
	event: RequestEvent;
	resolve: (event: RequestEvent) => Response | Promise<Response>;
}

export const handle = async ({ event, resolve }: Input): Promise<Response> => {
	const token = event.cookies.get(COOKIE);
	const [session] = token
		? await db
				.select()
				.from(sessions)
				.where(and(eq(sessions.id, hash(token)), gt(sessions.expiresAt, new Date())))
		: [];
	event.locals.session = session ?? null;
	try {
		if (session) requireSameUser(event.url, { id: session.userId });
	} catch (error) {
		return errorResponse(error);
	}
	return resolve(event);
};

export async function signIn(cookies: Cookies, name: string): Promise<void> {
	const [user] = await db.insert(users).values({ name }).returning();
	const token = randomBytes(20).toString('hex');
	const expiresAt = new Date(Date.now() + 86_400_000);
	await db.insert(sessions).values({ id: hash(token), userId: user.id, expiresAt });
	cookies.set(COOKIE, token, { path: '/', httpOnly: true, secure: false });
}
