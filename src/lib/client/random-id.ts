/** Returns a random name of 32 letters and digits. `crypto.randomUUID` is missing on pages without https. */
export function randomID(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
