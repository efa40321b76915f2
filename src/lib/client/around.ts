import { CONTROL, type Denied } from '../protocol/index.ts';
import { readMarker, readPresence } from './control.ts';
import type { PresenceUpdate, SSEClientOptions } from './options.ts';
import { PresenceLists } from './presence.svelte.ts';
import { ReadMarkers } from './read-markers.svelte.ts';
import { call, reportMalformed } from './report.ts';
import { CurrentSignals } from './signals.svelte.ts';
import { isClosed } from './subscriptions.ts';

type Options = Pick<
	SSEClientOptions<object>,
	'presence' | 'state' | 'readMarkers' | 'readURL' | 'fetch' | 'onRead'
>;

/** What a client knows besides the events of its topics: current signals, who is present, and how far the user has read. */
export class Around {
	readonly signals = new CurrentSignals();
	readonly presence = new PresenceLists();
	readonly markers: ReadMarkers;
	#scopes: readonly string[];
	#state: Readonly<Record<string, unknown>> | undefined;

	/** @param user returns the id of the user whose events the client has; null: not known yet */
	constructor(options: Options, user: () => string | null) {
		this.#scopes = options.presence ?? [];
		this.#state = options.state;
		this.markers = new ReadMarkers({
			first: options.readMarkers ?? {},
			url: String(options.readURL ?? '/api/read'),
			fetch: () => options.fetch ?? globalThis.fetch,
			user,
			onRead: (marker) => call(() => options.onRead?.(marker))
		});
	}

	/** Where the client is present, and what it says about itself there. */
	get place(): {
		presence: readonly string[];
		state: Readonly<Record<string, unknown>> | undefined;
	} {
		return { presence: this.#scopes, state: this.#state };
	}

	update({ scopes = this.#scopes, state = this.#state }: PresenceUpdate): void {
		this.#scopes = scopes;
		this.#state = state;
		this.presence.keep(scopes);
	}

	/** The client has no connection any more, on request. */
	closed(): void {
		this.signals.end();
		this.presence.keep([]);
	}

	/** The viewer may not or no longer see a topic, or a scope. */
	deny(denied: Denied): void {
		this.signals.end(denied.topic);
		this.presence.forget(denied.topic);
		if (isClosed(denied)) this.markers.forget(denied.topic);
	}

	/** Takes a control event, if it is of these. */
	take(name: string, data: unknown): void {
		if (name === CONTROL.read) {
			const marker = readMarker(data);
			if (!marker) return reportMalformed(name);
			this.markers.take(marker);
		} else if (name === CONTROL.presence) {
			const change = readPresence(data);
			if (!change) return reportMalformed(name);
			if (this.#scopes.includes(change.scope)) this.presence.apply(change);
		}
	}
}
