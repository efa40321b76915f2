import { CONTROL } from '../protocol/index.ts';
import type { Around } from './around.ts';
import {
	readCaughtUp,
	readDenied,
	readEnded,
	readGap,
	readReason,
	readSubscribed
} from './control.ts';
import type { Cursor } from './cursor.ts';
import type { Link } from './link.ts';
import type { SSEClientOptions } from './options.ts';
import { call, reportMalformed } from './report.ts';
import type { Subscriptions } from './subscriptions.ts';

interface Parts {
	cursor: Cursor;
	subscriptions: Subscriptions;
	link: Link;
	around: Around;
}

type Options = Pick<
	SSEClientOptions<object>,
	'start' | 'userID' | 'onCaughtUp' | 'onDenied' | 'onEnded' | 'onGap' | 'onSignedOut'
>;

/** What the server says about the stream itself. */
export class ControlEvents {
	readonly #options: Options;
	readonly #parts: Parts;
	/** Topics whose end was told: the server may tell it twice. */
	readonly #ended = new Set<string>();
	#user: string | null;

	constructor(options: Options, parts: Parts) {
		this.#options = options;
		this.#parts = parts;
		this.#user = options.userID ?? options.start?.userID ?? null;
	}

	/** Id of the user whose events these are. */
	get user(): string | null {
		return this.#user;
	}

	/** Acts on a control event. Its `lastEventId` is the id of an earlier event, so it is not used. */
	take(name: string, data: unknown): void {
		const { cursor, subscriptions, link, around } = this.#parts;
		if (name === CONTROL.caughtUp) {
			const info = readCaughtUp(data);
			if (!info) return reportMalformed(name);
			if (cursor.caughtUp(info)) subscriptions.forgetAbsent();
			this.#user = info.user ?? this.#user;
			subscriptions.setSignals(info.signals ?? []);
			link.served();
			call(() => this.#options.onCaughtUp?.(info));
		} else if (name === CONTROL.gap) {
			const gap = readGap(data);
			if (!gap) return reportMalformed(name);
			if (cursor.passGap(gap)) subscriptions.forget(gap.topic);
			call(() => this.#options.onGap?.(gap));
		} else if (name === CONTROL.subscribed) {
			const subscribed = readSubscribed(data);
			if (!subscribed || !subscriptions.expects(subscribed)) return reportMalformed(name);
			if (subscriptions.bring(subscribed)) link.listen(subscribed.topic);
			else link.replace();
		} else if (name === CONTROL.denied) {
			const denied = readDenied(data);
			if (!denied) return reportMalformed(name);
			subscriptions.deny(denied);
			around.deny(denied);
			link.meet('denied');
			call(() => this.#options.onDenied?.(denied));
		} else if (name === CONTROL.ended) {
			const ended = readEnded(data);
			if (!ended) return reportMalformed(name);
			if (!subscriptions.has(ended.topic) || this.#ended.has(ended.topic)) return;
			this.#ended.add(ended.topic);
			call(() => this.#options.onEnded?.(ended));
		} else if (name === CONTROL.signedOut) {
			const reason = readReason(data);
			link.meet('signed-out', new Error(`Signed out: ${reason}`));
			call(() => this.#options.onSignedOut?.(reason));
		} else if (name === CONTROL.timeout) {
			link.meet('renewed');
		} else {
			around.take(name, data);
		}
	}
}
