/** Topics of the board. */
export const SUBJECTS = ['message', 'prompt', 'end', 'logs', 'notifications'] as const;

/** What the board shows of each topic. */
export const MEASURES = ['events', 'yours', 'newest', 'octets'] as const;

/** Name of a number. */
export type NumberName = `${(typeof SUBJECTS)[number]} ${(typeof MEASURES)[number]}`;

export const nameOf = (
	topic: (typeof SUBJECTS)[number],
	measure: (typeof MEASURES)[number]
): NumberName => `${topic} ${measure}`;
