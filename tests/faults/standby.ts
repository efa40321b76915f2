import { setTimeout as pause } from 'node:timers/promises';
import type { PrivateServer } from '../support/private-server.ts';
import { startReplica, type Replica } from '../support/replica.ts';

/** Keeps a replica of the current primary ready. `close` ends it. */
export class Standby {
	readonly #primary: () => PrivateServer;
	#replica: Replica | null = null;
	#making: Promise<void> = Promise.resolve();
	#closed = false;

	/** @param primary returns the current primary */
	constructor(primary: () => PrivateServer) {
		this.#primary = primary;
	}

	/** Begins to create a replica. Resolves when it is ready. If the primary is killed meanwhile, it tries again. */
	prepare(): Promise<void> {
		this.#making = this.#make();
		return this.#making;
	}

	/** Hands over the ready replica, which the caller must promote or remove; null: there is none. */
	take(): Replica | null {
		const replica = this.#replica;
		this.#replica = null;
		return replica;
	}

	async close(): Promise<void> {
		this.#closed = true;
		await this.#making;
		await this.take()?.remove();
	}

	async #make(): Promise<void> {
		while (!this.#closed && !this.#replica) {
			try {
				this.#replica = await startReplica(this.#primary());
			} catch {
				// The primary was killed during the copy.
				await pause(500);
			}
		}
	}
}
