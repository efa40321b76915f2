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
import { UserRate } from './user-rate.ts';

/** What each user may send in a second; twice as many at once. A mouse that moves sends 25. */
const PER_SECOND = 30;

/** Where signals of browsers come in. */
export class SignalDoor {
	readonly #rate = new UserRate({
		atOnce: 2 * PER_SECOND,
		perSecond: PER_SECOND,
		code: 'too_many_signals',
		message: `At most ${PER_SECOND} signals a second are accepted of one user. Send fewer: only the newest counts.`
	});

	/**
	 * Checks and sends the signal of a viewer. Whether the viewer may see the topic is read from the database each time: what
	 * is remembered could outlive a revoke.
	 *
	 * @throws LoglineError `invalid_body`, `unknown_topic`, `invalid_data`, `forbidden_topic`, `too_many_signals`,
	 *   `invalid_user`
	 */
	async receive(
		parts: { topics: TopicRegistry; pool: Queryable; signals: Signals },
		viewer: Viewer,
		body: unknown
	): Promise<void> {
		this.#rate.count(viewer.id);
		const { topic, data } = parse(body);
		const definition = parts.topics.get(topic);
		if (definition && (isDurable(definition) || definition.send !== 'clients')) {
			throw new LoglineError('forbidden_topic', `Browsers may not send to "${topic}".`, 403);
		}
		const signal = await acceptSignal(parts.topics, { topic, data, sender: viewer });
		const visible = await requireTopics(parts, viewer, [topic]);
		if (!visible.has(topic)) throw forbidden(topic);
		parts.signals.send(signal);
	}
}

function parse(body: unknown): { topic: string; data: unknown } {
	const { topic, data } = (body ?? {}) as { topic?: unknown; data?: unknown };
	if (typeof topic === 'string' && data !== undefined) return { topic, data };
	throw new LoglineError('invalid_body', 'Send {"topic": "…", "data": …}.');
}
