import {
	initialLogs,
	MAX_LOGS,
	reduceLogs,
	toLine,
	type LogEntryEvent,
	type LogsState
} from '$src/features/logs/reducer.ts';
import { Older } from './history/older.svelte.ts';

/** The log lines of the page. */
export class LogLines {
	#state = $state.raw<LogsState>(initialLogs);
	/** Lines before those that are shown. */
	readonly older: Older;

	constructor(fetcher: typeof fetch) {
		this.older = new Older({
			topic: 'logs',
			oldest: () => this.#state.at(-1)?.eventID ?? null,
			count: () => this.#state.length,
			usual: MAX_LOGS,
			add: (events) => {
				this.#state = [...this.#state, ...events.map(toLine)];
			},
			fetch: fetcher
		});
	}

	/** Newest first. */
	get shown(): LogsState {
		return this.#state;
	}

	fold(event: LogEntryEvent): void {
		const { length } = this.#state;
		this.#state = reduceLogs(this.#state, event, this.older.room);
		if (this.#state.length <= length) this.older.dropped();
	}

	/** Call it before the lines are sent again. */
	empty(): void {
		this.#state = initialLogs;
		this.older.dropped();
	}
}
