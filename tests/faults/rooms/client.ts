import type { Proxy } from '../../support/proxy.ts';
import type { TestUser } from '../../support/app-server.ts';
import type { Random } from '../random.ts';
import type { Heads } from './heads.ts';
import type { RoomJournal } from './journal.ts';

/** A client of some implementation. It drops connections and changes topics at random until it is told to settle. */
export interface RoomClient {
	readonly journal: RoomJournal;
	/** Id up to which it believes it has received everything. */
	readonly cursor: number;
	start(): void;
	/** From now on it only reads. */
	settle(): void;
	stop(): void;
}

/** What every client needs. */
export interface ClientParts {
	/** Its own way to the servers: each connection comes to another one. */
	proxy: Proxy;
	user: TestUser;
	random: Random;
	heads: Heads;
	journal: RoomJournal;
	names: readonly string[];
	/** Names that it removes and adds again. No other name of the client may fit their topics. */
	toggles: readonly string[];
}

export const addressOf = (proxy: Proxy) => `http://127.0.0.1:${proxy.port}/api/events`;
