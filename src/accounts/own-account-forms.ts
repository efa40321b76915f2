/** What the server sends to the page of the own account. */

/** The forms of the page. */
export type OwnAction = 'revoke' | 'others' | 'password' | 'name' | 'delete';

/** A form that was refused. */
export interface OwnAccountFailure {
	action: OwnAction;
	/** Text for the user, by field. `form` is for errors of no single field. */
	problems: Partial<Record<'username' | 'password' | 'current' | 'confirmation' | 'form', string>>;
	/** As the user typed it. */
	username: string;
}

/** A session, as the page shows it. */
export interface ShownSession {
	id: string;
	/** For example "Chrome on Windows". */
	device: string;
	/** ISO 8601. */
	createdAt: string;
	/** ISO 8601. */
	seenAt: string;
	current: boolean;
}
