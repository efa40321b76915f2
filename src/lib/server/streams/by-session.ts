import type { Connection } from './connection.ts';

/** The connections of each session. A session without connections takes no memory. */
export class BySession {
	readonly #connections = new Map<string, Set<Connection>>();

	/** Ids of the sessions that have connections. */
	get sessions(): string[] {
		return [...this.#connections.keys()];
	}

	/** @returns the connections of a session, as they are now: they may be released while the caller goes through them */
	of(session: string): Connection[] {
		return [...(this.#connections.get(session) ?? [])];
	}

	count(session: string): number {
		return this.#connections.get(session)?.size ?? 0;
	}

	add(session: string, connection: Connection): void {
		const others = this.#connections.get(session);
		if (others) others.add(connection);
		else this.#connections.set(session, new Set([connection]));
	}

	delete(session: string, connection: Connection): void {
		const others = this.#connections.get(session);
		others?.delete(connection);
		if (others?.size === 0) this.#connections.delete(session);
	}
}
