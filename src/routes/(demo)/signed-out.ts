/** The server says that the session of the page has ended, or that it is another user's. */
export class SignedOut extends Error {
	override message = 'Your session has ended.';
}
