/** What the server sends to the account forms. */

/** Data of the page. */
export interface AccountPage {
	/** Path on our origin to go to; null: the start page. */
	redirectTo: string | null;
}

/** The errors of a submitted form. */
export interface AccountFailure extends AccountPage {
	/** As the user typed it. */
	username: string;
	/** Text for users, by field. `form` is for errors of no single field. */
	problems: { username?: string; password?: string; form?: string };
}
