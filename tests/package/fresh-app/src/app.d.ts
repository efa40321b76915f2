declare global {
	namespace App {
		interface Locals {
			session: { id: string; userId: string; expiresAt: Date } | null;
		}
	}
}

export {};
