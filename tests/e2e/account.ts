import { expect } from 'vitest';
import type { BuiltApp } from '../support/built-app.ts';

export const PASSWORD = 'correct horse battery';

/** Returns a form request as a program sends it: without `Origin`, accepting any type. */
export const form = (fields: Record<string, string>): RequestInit => ({
	method: 'POST',
	body: new URLSearchParams(fields),
	redirect: 'manual'
});

/**
 * Signs up without a browser.
 *
 * @returns the `cookie` header of the session
 */
export async function signUp(app: BuiltApp, username: string): Promise<string> {
	const response = await fetch(`${app.url}/signup`, form({ username, password: PASSWORD }));
	expect(response.status).toBe(303);
	return response.headers
		.getSetCookie()
		.map((set) => set.split(';')[0])
		.join('; ');
}
