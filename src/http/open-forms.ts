/**
 * Forms that anyone may send. Those for signing in and up need no session, so they report a failure themselves and keep what
 * was typed. A guest needs to know that there is none: it would take the place of the account that is signed in.
 */
export const OPEN_FORMS = new Map<string, OpenForm>([
	['/login', 'signIn'],
	['/signup', 'signUp'],
	['/guest', 'guest']
]);

export type OpenForm = 'signIn' | 'signUp' | 'guest';

/** What a form is counted as: a guest is a new account. */
export const purposeOf = (form: OpenForm): 'signIn' | 'signUp' =>
	form === 'guest' ? 'signUp' : form;
