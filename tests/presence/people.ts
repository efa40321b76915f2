import type { PresenceChange, PresentUser } from '../../src/lib/protocol/index.ts';
import type { TestUser } from '../support/app-server.ts';
import { StreamClient } from '../support/stream-client.ts';
import { until } from '../support/until.ts';

/** A server on which streams can be opened. */
interface Streams {
	stream(query: string): string;
}

/** A stream of a user that asks who is present. */
export class Visit {
	readonly client: StreamClient;
	readonly #scope: string;

	constructor(at: Streams, user: TestUser, scope: string, more = '') {
		this.#scope = scope;
		const query = `topics=a&presence=${scope}&client=${crypto.randomUUID()}${more}`;
		this.client = new StreamClient(at.stream(query), { cookie: user.cookie });
	}

	/** What it was told, in order. */
	get told(): PresenceChange[] {
		return this.client.data('presence') as PresenceChange[];
	}

	/** Who is there, as it was told. */
	get users(): PresentUser[] {
		let users = new Map<string, PresentUser>();
		for (const change of this.told) {
			if (change.scope !== this.#scope) continue;
			if ('users' in change) users = new Map(change.users.map((user) => [user.id, user]));
			else {
				for (const id of change.left) users.delete(id);
				for (const user of change.joined) users.set(user.id, user);
			}
		}
		return [...users.values()];
	}

	/** Their names, sorted. */
	get names(): string {
		return this.users
			.map(({ name }) => name)
			.sort()
			.join(' ');
	}

	close(): void {
		this.client.close();
	}
}

/** Resolves when it sees exactly these people. */
export const sees = (one: Visit, names: string, timeoutMs = 3000): Promise<true> =>
	until(() => one.names === names, { what: `it sees "${names}"`, timeoutMs }).catch(
		(error: unknown) => {
			throw new Error(`${String(error)}; it saw ${JSON.stringify(one.told)}`);
		}
	);

/** How often it was told that a user has joined, or was there at the beginning. */
export function joins(one: Visit, name: string): number {
	const all = one.told.flatMap((told) => ('users' in told ? told.users : told.joined));
	return all.filter((user) => user.name === name).length;
}

/** The users of whom it was told that they have left. */
export const leavers = (one: Visit): string[] =>
	one.told.flatMap((told) => ('left' in told ? told.left : []));
