/** What the server tells the account forms. */

/** Data of the page. */
export interface AccountPage {
	/** Path on our origin to go on to, or null: the start page. */
	redirectTo: string | null;
}

/** What is wrong with a form that was sent. */
export interface AccountFailure extends AccountPage {
	/** As it was typed. */
	username: string;
	/** Text for people, by field; `form` for what belongs to none of them. */
	problems: { username?: string; password?: string; form?: string };
}
