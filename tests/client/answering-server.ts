import { vi } from 'vitest';

/** A server that responds when the test says so. */
export class AnsweringServer {
	readonly requests: unknown[] = [];
	readonly #waiting: ((response: Response | Error) => void)[] = [];

	fetch: typeof fetch = (_input, init) => {
		this.requests.push(JSON.parse(String(init?.body)));
		return new Promise((resolve, reject) => {
			this.#waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
		});
	};

	answer(answer: Response | Error): void {
		const next = this.#waiting.shift();
		if (!next) throw new Error('nobody asked');
		next(answer);
	}

	/** For a request that is sent in a moment. */
	async answerNext(answer: Response | Error): Promise<void> {
		await vi.waitUntil(() => this.#waiting.length > 0);
		this.answer(answer);
	}
}
