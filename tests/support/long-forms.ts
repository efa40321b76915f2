const ALL = process.env.LOGLINE_LONG_TESTS === 'all';

/**
 * Returns the number that makes a test long. The short form shows the same thing, with fewer of them: tabs, events, rows. Set
 * `LOGLINE_LONG_TESTS=all` for the long one.
 */
export const howMany = ({ short, long }: { short: number; long: number }): number =>
	ALL ? long : short;
