import { Lanes, type LanesOptions } from './lanes.ts';

/**
 * One connection for one purpose. It is replaced when it stops responding: a connection can fail silently, and a caller
 * would wait for ever.
 */
export class SoleConnection extends Lanes {
	constructor(url: string, options: Omit<LanesOptions, 'size'>) {
		super(url, { ...options, size: 1 });
	}
}
