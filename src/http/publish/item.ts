import { LoglineError } from 'logline';
import type { NewEvent } from 'logline/server';

/** An event as a program sends it to `POST /api/publish`. */
export interface PublishedItem extends Omit<NewEvent, 'userId'> {
	/** The only user who may see it. Absent: everyone who may see the topic. */
	username?: string;
}

const PROPERTIES = new Set(['topic', 'data', 'username', 'key', 'producer']);

/** Longest name that is looked up. Accounts have shorter ones. */
const MAX_USERNAME = 200;

/**
 * Checks the form of an item. Nothing is ignored: with a misspelt `username`, what is for one user would go to everyone.
 *
 * @param value as it was parsed from JSON
 * @throws LoglineError `invalid_body`
 */
export function parseItem(value: unknown): PublishedItem {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) {
		throw invalid('An event is an object: {"topic": "…", "data": …}.');
	}
	const unknown = Object.keys(value).find((name) => !PROPERTIES.has(name));
	if (unknown !== undefined) {
		throw invalid(
			`An event has no property ${JSON.stringify(unknown.slice(0, 100))}, only ${[...PROPERTIES].join(', ')}.`
		);
	}
	const { topic, username, key, producer } = value as Record<string, unknown>;
	if (typeof topic !== 'string') throw invalid('`topic` is the name of a topic.');
	if (!('data' in value)) throw invalid('`data` is missing.');
	if ('username' in value && !isUsername(username)) {
		throw invalid('`username` is the name of a user. Leave it out for everyone.');
	}
	if ('key' in value && typeof key !== 'string') {
		throw invalid('`key` is text. Leave it out when the event has none.');
	}
	if ('producer' in value && !isProducer(producer)) {
		throw invalid('`producer` is {"name": "…", "epoch": 1}.');
	}
	return value as PublishedItem;
}

const isUsername = (value: unknown) =>
	typeof value === 'string' &&
	value !== '' &&
	value.length <= MAX_USERNAME &&
	!value.includes('\0');

/** What name and epoch may be, the log checks. */
const isProducer = (value: unknown) =>
	typeof value === 'object' &&
	value !== null &&
	Object.keys(value).sort().join() === 'epoch,name' &&
	typeof (value as { epoch: unknown }).epoch === 'number';

const invalid = (message: string) => new LoglineError('invalid_body', message);
