import type { TopicDefinition } from './topics.ts';

// Signals are topics that are not durable: passed on, not kept.

/** Largest data of a signal, in octets of JSON. */
export const MAX_SIGNAL_OCTETS = 4000;

/** Milliseconds after which a signal ends, when its topic declares nothing else. */
export const SIGNAL_TTL = 5000;

/** Who sent a signal. */
export interface SignalSender {
	/** Id of the user, as in `user_id` of events. */
	id: string;
	name: string;
}

/** Data of a signal's frame on the wire. */
export interface SignalFrame {
	data: unknown;
	/** null: the server itself. */
	from: SignalSender | null;
	/** Milliseconds after which it ends. */
	ttl: number;
	/** What it is about: a later one of the same topic, sender and key replaces it. */
	key: string;
}

/** @returns true when events of the topic are kept */
export const isDurable = ({ durable = true }: TopicDefinition): boolean => durable;

/**
 * Checks that what is declared for a topic fits together.
 *
 * @throws Error
 */
export function checkDurability(topic: string, definition: TopicDefinition): void {
	const [kept, other] = isDurable(definition)
		? ([SIGNAL_OPTIONS, 'it is kept. Declare it with `durable: false`, or leave that out'] as const)
		: ([LOG_OPTIONS, 'it is a signal, which is not kept'] as const);
	const wrong = kept.find((name) => definition[name] !== undefined);
	if (wrong) throw new Error(`"${topic}" has \`${wrong}\`, but ${other}`);
	const { ttl = SIGNAL_TTL } = definition;
	if (!(Number.isInteger(ttl) && ttl >= 100 && ttl <= 3_600_000)) {
		throw new Error(`\`ttl\` of "${topic}" is a whole number of milliseconds, 100 to 3600000`);
	}
}

const SIGNAL_OPTIONS = ['ttl', 'coalesce', 'send'] as const;
const LOG_OPTIONS = ['history', 'replay', 'retention'] as const;
