import {
	forbidden,
	isDurable,
	LoglineError,
	type TopicRegistry,
	type Viewer
} from '../../protocol/index.ts';
import type { Queryable } from '../database/queryable.ts';
import { acceptSignal } from '../delivery/signals/accept.ts';
import type { Signals } from '../delivery/signals/signals.ts';
import { requireTopics } from './carried.ts';
import { Rate } from './rate.ts';

/** What each user may send: so many signals at once, and so many a minute. A mouse that moves sends 25 a second. */
const AT_ONCE = 60;
const PER_MINUTE = 1800;

/** Users whose rate is remembered. */
const MAX_USERS = 10_000;

/** Where signals of browsers come in. */
export class SignalDoor {
	readonly #rate = new Rate({ atOnce: AT_ONCE, perMinute: PER_MINUTE });

	/**
	 * Checks and sends the signal of a viewer. Whether the viewer may see the topic is read from the database each time: what
	 * is remembered could outlive a revoke.
	 *
	 * @throws LoglineError `invalid_body`, `unknown_topic`, `invalid_data`, `forbidden_topic`, `too_many_signals`
	 */
	async receive(
		parts: { topics: TopicRegistry; pool: Queryable; signals: Signals },
		viewer: Viewer,
		body: unknown
	): Promise<void> {
		this.#count(viewer);
		const { topic, data } = parse(body);
		const definition = parts.topics.get(topic);
		if (definition && (isDurable(definition) || definition.send !== 'clients')) {
			throw new LoglineError('forbidden_topic', `Browsers may not send to "${topic}".`, 403);
		}
		const sender = { id: viewer.id, name: viewer.name ?? viewer.id };
		const signal = await acceptSignal(parts.topics, { topic, data, sender });
		const visible = await requireTopics(parts, viewer, [topic]);
		if (!visible.has(topic)) throw forbidden(topic);
		parts.signals.send(signal);
	}

	#count({ id }: Viewer): void {
		const now = Date.now();
		if (this.#rate.size >= MAX_USERS) this.#rate.prune(now);
		const wait = this.#rate.size >= MAX_USERS ? 1000 : this.#rate.take(id, now);
		if (wait === 0) return;
		throw new LoglineError(
			'too_many_signals',
			`At most ${PER_MINUTE / 60} signals a second are accepted of one user. Send fewer: only the newest counts.`,
			429,
			Math.ceil(wait / 1000)
		);
	}
}

function parse(body: unknown): { topic: string; data: unknown } {
	const { topic, data } = (body ?? {}) as { topic?: unknown; data?: unknown };
	if (typeof topic === 'string' && data !== undefined) return { topic, data };
	throw new LoglineError('invalid_body', 'Send {"topic": "…", "data": …}.');
}
