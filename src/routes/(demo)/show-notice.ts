import { toast } from 'svelte-sonner';
import type { Notice } from './notice.ts';

/** Milliseconds. Of news, the next is never far; who wants to undo needs time to see it. */
const SHORT = 2500;
const LONG = 10_000;

/** One message for all news: of many that come together, the newest is shown, and how many there are more. */
const NEWS = 'news';
let news = 0;

/** Shows a notice for some seconds. */
export function showNotice({ tone, text, undo }: Notice): void {
	// Where the reader is now. A message goes together with its button, so the focus must go back there.
	const opener = document.activeElement;
	const giveBack = () => {
		if (!document.activeElement?.closest('[data-sonner-toaster]')) return;
		const isThere = opener instanceof HTMLElement && opener !== document.body && opener.isConnected;
		(isThere ? opener : document.getElementById('content'))?.focus({ preventScroll: true });
	};
	if (tone === 'news') showNews(text, giveBack);
	else {
		const onClick = () => {
			giveBack();
			void undo?.();
		};
		const action = undo && { label: 'Undo', onClick };
		const options = { duration: LONG, action, onAutoClose: giveBack, onDismiss: giveBack };
		if (tone === 'problem') toast.error(text, options);
		else toast(text, options);
	}
}

/** It has no button, so a click goes through it to what is below. */
function showNews(text: string, giveBack: () => void): void {
	news++;
	const end = () => {
		news = 0;
		giveBack();
	};
	toast(text, {
		id: NEWS,
		description: news > 1 ? `and ${news - 1} more` : undefined,
		duration: SHORT,
		class: 'pointer-events-none',
		onAutoClose: end,
		onDismiss: end
	});
}
