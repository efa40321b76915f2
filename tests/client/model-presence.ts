import type { PresentUser } from '../../src/lib/protocol/index.ts';
import type { DrivenEventSource } from './driven-event-source.ts';
import type { ModelHalls } from './model-log.ts';

/** What one stream tells of who is present. It is told at once, whatever the stream owes of the log. */
export class ModelPresence {
	readonly #halls: ModelHalls;
	readonly #source: DrivenEventSource;
	/** Hall → what was told last. undefined: nothing. */
	readonly #told = new Map<string, string[] | null | undefined>();

	constructor(halls: ModelHalls, source: DrivenEventSource) {
		this.#halls = halls;
		this.#source = source;
		for (const hall of source.query.getAll('presence')) this.#told.set(hall, undefined);
	}

	tell(): void {
		for (const [scope, told] of this.#told) {
			const now = this.#halls.in(scope);
			if (JSON.stringify(now) === JSON.stringify(told)) continue;
			this.#told.set(scope, now);
			if (now === null) {
				const reason = told ? 'revoked' : 'forbidden';
				this.#source.emit('denied', '', { topic: scope, reason });
			} else if (told) {
				const joined = now.filter((id) => !told.includes(id)).map(userOf);
				const left = told.filter((id) => !now.includes(id));
				this.#source.emit('presence', '', { scope, joined, left });
			} else {
				this.#source.emit('presence', '', { scope, users: now.map(userOf) });
			}
		}
	}
}

const userOf = (id: string): PresentUser => ({ id, name: id, state: {} });
