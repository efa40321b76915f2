/**
 * Forms that anyone may send, with their purpose. They need no session, so they report a failure themselves and keep what
 * was typed.
 */
export const OPEN_FORMS = new Map<string, 'signIn' | 'signUp'>([
	['/login', 'signIn'],
	['/signup', 'signUp'],
	['/guest', 'signUp']
]);
