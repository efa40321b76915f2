import { fileURLToPath } from 'node:url';
import { Child } from '../stage/child.ts';
import type { Order, Told } from './append-worker.ts';

/** Runs one order in its own process. */
export async function appendAsFast(order: Order): Promise<Told> {
	const file = fileURLToPath(new URL('./append-worker.ts', import.meta.url));
	const child = new Child('The append worker', file, { argv: ['--import', 'tsx'] });
	try {
		const told = child.receive<Told>(({ type }) => type === 'told');
		child.send(order);
		return await told;
	} finally {
		await child.stop();
	}
}
