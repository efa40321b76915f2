/// <reference types="@sveltejs/adapter-node" />
import type { Viewer } from '$lib/protocol';

declare global {
	namespace App {
		interface Locals {
			/** Who is signed in, if anyone. The session's id is a secret and stays out of here. */
			user: Viewer | null;
			/** SHA-256 of the session cookie, as in `sessions.id`. */
			sessionHash: string | null;
		}
		interface Error {
			code?: string;
			message: string;
		}
	}
}

export {};
