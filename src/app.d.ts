/// <reference types="@sveltejs/adapter-node" />
import type { LoglineError } from 'logline';
import type { User } from './accounts/user.ts';

declare global {
	namespace App {
		interface Locals {
			/** The signed-in user, or null. The session's id is a secret and must not be here. */
			user: User | null;
			/** SHA-256 of the session cookie, as in `sessions.id`. */
			sessionHash: string | null;
			/** The error of this request, if the client can do something about it. */
			failure?: LoglineError;
		}
		/**
		 * Whose page it is, by either name. The root layout compares it, so every `load` of what only one user may see returns
		 * it. Where a page and its layout are loaded apart, each returns another of the two: the inner would hide the outer.
		 */
		interface PageData {
			user?: User | null;
			/** As `logline.read` returns it. */
			userID?: string;
		}
		interface Error {
			code?: string;
			message: string;
		}
	}
}

export {};
