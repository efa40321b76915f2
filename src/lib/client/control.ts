import type {
	CaughtUp,
	Denied,
	DeniedReason,
	Ended,
	Gap,
	PresenceChange,
	PresentUser,
	ReadMarker,
	SignalFrame,
	Subscribed
} from '../protocol/index.ts';
import { isReserved, parseCursor, TOPIC_NAME, WILDCARD_NAME } from '../protocol/index.ts';

const DENIED_REASONS: Readonly<Record<DeniedReason, true>> = {
	forbidden: true,
	revoked: true,
	unknown: true,
	too_many: true
};

/** @returns true when the value is an id of the log, as text */
export function isID(value: unknown): value is string {
	return typeof value === 'string' && parseCursor(value) !== null;
}

/**
 * Parses the data of `caught-up`.
 *
 * @returns null when the data has another form
 */
export function readCaughtUp(data: unknown): CaughtUp | null {
	if (!isRecord(data)) return null;
	const { topics, cursor, log, user, signals } = data;
	if (!Array.isArray(topics) || !isID(cursor) || typeof log !== 'string') return null;
	const info: CaughtUp = { topics: topics.map(String), cursor, log };
	if (Array.isArray(signals)) info.signals = signals.map(String);
	return typeof user === 'string' ? { ...info, user } : info;
}

/**
 * Parses the data of `gap`.
 *
 * @returns null when the data has another form
 */
export function readGap(data: unknown): Gap | null {
	if (!isRecord(data)) return null;
	const { topic, after, oldest, lost } = data;
	if (typeof topic !== 'string' || !isID(after)) return null;
	if (oldest !== null && !isID(oldest)) return null;
	const gap = { topic, after, oldest };
	return isID(lost) ? { ...gap, lost } : gap;
}

/**
 * Parses the data of `denied`.
 *
 * @returns null when the data has another form
 */
export function readDenied(data: unknown): Denied | null {
	if (!isRecord(data)) return null;
	const { topic, reason } = data;
	if (typeof topic !== 'string' || !isDeniedReason(reason)) return null;
	return { topic, reason };
}

/**
 * Parses the data of `subscribed`.
 *
 * @returns null when the data has another form
 */
export function readSubscribed(data: unknown): Subscribed | null {
	if (!isRecord(data)) return null;
	const { topic, pattern } = data;
	if (typeof topic !== 'string' || !TOPIC_NAME.test(topic) || isReserved(topic)) return null;
	if (typeof pattern !== 'string' || !WILDCARD_NAME.test(pattern)) return null;
	return { topic, pattern };
}

/**
 * Parses the data of `ended`.
 *
 * @returns null when the data has another form
 */
export function readEnded(data: unknown): Ended | null {
	return isRecord(data) && typeof data.topic === 'string' ? { topic: data.topic } : null;
}

/**
 * Parses the data of `read`, and the answer to a marker that was moved.
 *
 * @returns null when the data has another form
 */
export function readMarker(data: unknown): ReadMarker | null {
	if (!isRecord(data)) return null;
	const { topic, id, unread } = data;
	if (typeof topic !== 'string' || !isID(id) || typeof unread !== 'number') return null;
	return { topic, id, unread };
}

/**
 * Parses the data of a signal.
 *
 * @returns null when the data has another form
 */
export function readSignal(frame: unknown): SignalFrame | null {
	if (!isRecord(frame)) return null;
	const { data, from, ttl, key } = frame;
	if (data === undefined || typeof ttl !== 'number' || typeof key !== 'string') return null;
	if (from === null) return { data, from, ttl, key };
	if (!isRecord(from) || typeof from.id !== 'string' || typeof from.name !== 'string') return null;
	return { data, from: { id: from.id, name: from.name }, ttl, key };
}

/**
 * Parses the data of `presence`.
 *
 * @returns null when the data has another form
 */
export function readPresence(data: unknown): PresenceChange | null {
	if (!isRecord(data) || typeof data.scope !== 'string') return null;
	const { scope, users, joined, left } = data;
	if (areUsers(users)) return { scope, users };
	if (!areUsers(joined) || !Array.isArray(left)) return null;
	return { scope, joined, left: left.map(String) };
}

function areUsers(value: unknown): value is PresentUser[] {
	return (
		Array.isArray(value) &&
		value.every(
			(user) =>
				isRecord(user) &&
				typeof user.id === 'string' &&
				typeof user.name === 'string' &&
				isRecord(user.state)
		)
	);
}

/** Parses the data of `signed-out`. */
export function readReason(data: unknown): string {
	return isRecord(data) && typeof data.reason === 'string' ? data.reason : 'the session ended';
}

function isDeniedReason(value: unknown): value is DeniedReason {
	return typeof value === 'string' && Object.hasOwn(DENIED_REASONS, value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null;
}
