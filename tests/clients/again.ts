import { readBlocks } from '../support/blocks.ts';
import type { Close, Open } from './client.ts';

type KeepOpen = (
	open: (url: string, handled: (id: string) => void, over: () => void) => void,
	url: string,
	wait?: () => number
) => void;

const advice = (await readBlocks('docs/protocol.md')).find(
	({ language, code }) => language === 'js' && code.includes('function keepOpen')
)!;
const { keepOpen } = (await import(
	/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(advice.code)}`
)) as { keepOpen: KeepOpen };

/** Wraps a client in the function that docs/protocol.md shows. */
export function again(open: Open): Open {
	return (reading, take, _over) => {
		let closed = false;
		let close: Close = () => undefined;
		const start: Parameters<KeepOpen>[0] = (url, handled, over) => {
			if (closed) return;
			const gaveUp = () => {
				if (!closed) over();
			};
			close = open(
				{ ...reading, url },
				(event) => {
					take(event);
					handled(event.id);
				},
				gaveUp
			);
		};
		keepOpen(start, reading.url, () => 200);
		return () => {
			closed = true;
			return close();
		};
	};
}
