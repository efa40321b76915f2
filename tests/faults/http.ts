import { request } from 'node:http';

export interface Answer {
	status: number;
	body: unknown;
}

/**
 * Sends one request on its own connection.
 *
 * @returns null when it was cut off or took too long: it is unknown then whether it was processed
 */
export function ask(
	url: string,
	options: {
		cookie?: string;
		accept?: string;
		body?: unknown;
		timeoutMs: number;
		signal?: AbortSignal;
	}
): Promise<Answer | null> {
	return new Promise((resolve) => {
		const sent = request(
			url,
			{
				agent: false,
				method: options.body === undefined ? 'GET' : 'POST',
				headers: {
					...(options.cookie ? { cookie: options.cookie } : {}),
					...(options.accept ? { accept: options.accept } : {})
				},
				signal: AbortSignal.any([
					AbortSignal.timeout(options.timeoutMs),
					...(options.signal ? [options.signal] : [])
				])
			},
			(response) => {
				let text = '';
				response.setEncoding('utf8');
				response.on('data', (part: string) => (text += part));
				response.on('error', () => resolve(null));
				response.on('close', () => {
					if (!response.complete) resolve(null);
					else resolve({ status: response.statusCode ?? 0, body: parse(text) });
				});
			}
		);
		sent.on('error', () => resolve(null));
		sent.end(options.body === undefined ? undefined : JSON.stringify(options.body));
	});
}

function parse(text: string): unknown {
	return text === '' ? null : (JSON.parse(text) as unknown);
}
