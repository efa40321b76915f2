/**
 * Copies a text.
 *
 * @returns false: the browser did not allow it, or the page is without https. The reader can still select the text.
 */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		// Why not makes no difference to what the reader does next.
		return false;
	}
}
