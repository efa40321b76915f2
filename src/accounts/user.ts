import type { Viewer } from 'logline';

/** A user of this application. */
export interface User extends Viewer {
	/** The user name. */
	name: string;
}
