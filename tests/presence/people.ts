import type { PresenceChange, PresentUser } from '../../src/lib/protocol/index.ts';
import type { TestUser } from '../support/app-server.ts';
import { StreamClient } from '../support/stream-client.ts';

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
