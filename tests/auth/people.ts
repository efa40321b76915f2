import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Auth, SignedIn } from '../../src/accounts/auth.ts';
import type { Asking } from '../../src/accounts/own-account.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';
import { newBrowser, PASSWORD } from './accounts.ts';

/** Who asks, with the `cookie` header of the session. */
export type Person = Asking & { cookie: string };

/** People with accounts on a running server, and their streams. */
export class People {
	scene!: Scene;

	/** Registers setup and cleanup for the tests of a file. An account has five attempts a minute. */
	static forEachTest(): People {
		const people = new People();
		beforeEach(async () => {
			people.scene = await openScene({ loginAttemptsPerMinute: 5 });
		});
		afterEach(() => people.scene.close());
		return people;
	}

	get auth(): Auth {
		return this.scene.server.app.auth;
	}

	async signUp(username = 'ada'): Promise<Person> {
		return this.#person(await this.auth.signUp({ username, password: PASSWORD }, newBrowser()));
	}

	/** Signs in from a new device. */
	async signIn(username = 'ada', password = PASSWORD): Promise<Person> {
		return this.#person(await this.auth.signIn({ username, password }, newBrowser()));
	}

	async guest(): Promise<Person> {
		return this.#person(await this.auth.startAsGuest(newBrowser()));
	}

	#person({ user, token, deviceToken }: SignedIn): Person {
		const browser = newBrowser({ deviceToken, sessionToken: token });
		const session = this.auth.hashToken(token);
		return { user, session, browser, cookie: `auth_session=${token}` };
	}

	/** Opens a stream of a session, and waits until it is live. The test must end it. */
	async stream(person: Person, server = this.scene.server): Promise<StreamClient> {
		const query = `topics=a&client=${randomUUID().slice(0, 8)}`;
		const client = new StreamClient(server.stream(query), { cookie: person.cookie });
		await client.caughtUp();
		return client;
	}
}

/**
 * Does something that must end streams.
 *
 * @returns how long the last of them took, in milliseconds
 */
export async function endsStreams(
	streams: readonly StreamClient[],
	act: () => Promise<void>
): Promise<number> {
	const begun = performance.now();
	await act();
	await until(() => streams.every((client) => client.ended), { what: 'the streams have ended' });
	for (const client of streams) expect(client.of('signed-out')).toHaveLength(1);
	return performance.now() - begun;
}
