/**
 * Users with an open page who do nothing, in their own process. The first message contains the users: it opens their streams
 * and reports when all are open. The next message asks how many are still open. Run by flood.test.ts.
 */
import { get } from 'node:http';

export interface Crowd {
	url: string;
	/** `cookie` of each user. */
	cookies: string[];
	/** Streams per user. */
	streams: number;
}

/** Opening more at once would itself be a flood. */
const AT_ONCE = 20;

let open = 0;

function openStream(url: string, cookie: string): Promise<void> {
	return new Promise((resolve, reject) => {
		get(url, { agent: false, headers: { cookie } }, (response) => {
			if (response.statusCode !== 200) {
				reject(new Error(`A stream was answered with ${response.statusCode}`));
				return;
			}
			open++;
			response
				.once('data', () => resolve())
				.resume()
				.on('error', () => undefined)
				.on('close', () => open--);
		}).on('error', reject);
	});
}

async function gather({ url, cookies, streams }: Crowd): Promise<void> {
	const wanted = cookies.flatMap((cookie) =>
		Array.from({ length: streams }, (_, n) => ({ cookie, client: `tab-${n}` }))
	);
	const worker = async () => {
		for (let next = wanted.shift(); next; next = wanted.shift()) {
			await openStream(
				`${url}/api/events?topics=notifications&topics=logs&client=${next.client}`,
				next.cookie
			);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

let gathered: Promise<void> | null = null;
process.on('disconnect', () => process.exit(1));
process.on('message', (crowd: Crowd) => {
	gathered ??= gather(crowd);
	void gathered.then(() => process.send?.({ open }));
});
