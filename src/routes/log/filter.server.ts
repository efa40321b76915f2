import { LoglineError, parseCursor } from 'logline';
import type { ExploreFilter } from 'logline/server';
import type { View } from './view.ts';

/**
 * Returns what a view asks of the log.
 *
 * @throws LoglineError `invalid_filter`
 */
export function filterOf(view: View): ExploreFilter {
	const { topics, text, audience, since, until } = view;
	return {
		topics,
		text: text || undefined,
		audience,
		since: since || undefined,
		until: until || undefined,
		after: idOf(view.after) ?? undefined,
		to: idOf(view.to) ?? undefined,
		where: view.where.map((condition) => {
			const at = condition.indexOf('=');
			if (at < 1) {
				throw new LoglineError(
					'invalid_filter',
					`"${condition.slice(0, 60)}" asks for no value: write it as user.name=Ada.`
				);
			}
			return { path: condition.slice(0, at).trim(), value: condition.slice(at + 1).trim() };
		})
	};
}

/**
 * Reads the id of an event. Empty text: null.
 *
 * @throws LoglineError `invalid_filter`
 */
export function idOf(text: string): bigint | null {
	if (text === '') return null;
	const id = parseCursor(text);
	if (id === null) {
		throw new LoglineError('invalid_filter', `"${text.slice(0, 60)}" is no id: an id is a number.`);
	}
	return id;
}
