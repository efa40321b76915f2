import { fileURLToPath } from 'node:url';
import { Child } from '../stage/child.ts';
import type { Answer, Operation, Operations } from './protocol.ts';

/** A load generator in its own process. The caller must call `stop()`. */
export type Load = Operations & { stop(): Promise<void> };

export function startLoad(): Load {
	const child = new Child(
		'The load generator',
		fileURLToPath(import.meta.resolve('./generator.ts')),
		{
			argv: ['--import', 'tsx']
		}
	);
	let calls = 0;
	const call = async (operation: Operation, request?: object): Promise<never> => {
		const id = ++calls;
		const answered = child.receive<Answer>((answer) => answer.id === id);
		child.send({ id, operation, request });
		const answer = await answered;
		if ('error' in answer) throw new Error(answer.error);
		return answer.result as never;
	};
	return {
		open: (request) => call('open', request),
		expect: (request) => call('expect', request),
		counted: () => call('counted'),
		record: () => call('record'),
		latencies: () => call('latencies'),
		tally: () => call('tally'),
		close: () => call('close'),
		stop: () => child.stop()
	};
}
