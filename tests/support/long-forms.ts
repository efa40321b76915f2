/** Long forms of tests, in which only a number is larger or a variant more is tried: set `LOGLINE_LONG_TESTS=all`. */
export const LONG = process.env.LOGLINE_LONG_TESTS === 'all';

/** Returns the number that makes a test long. The short form shows the same thing, with fewer of them: tabs, events, rows. */
export const howMany = ({ short, long }: { short: number; long: number }): number =>
	LONG ? long : short;
