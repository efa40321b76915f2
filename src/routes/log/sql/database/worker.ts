/** A Postgres in a worker: it can be ended whatever it does, and the page does not stand still meanwhile. */
import { PGlite } from '@electric-sql/pglite';
import { fill } from './fill.ts';
import type { Answer, Answers, Order } from './messages.ts';
import { Refused, run } from './run.ts';

let database: PGlite | undefined;
/** One order after the other. */
let last = Promise.resolve();

self.addEventListener('message', ({ data }: MessageEvent<Order & { n: number }>) => {
	last = last.then(async () => {
		self.postMessage(await answer(data));
	});
});

async function answer(order: Order & { n: number }): Promise<Answer> {
	const { n } = order;
	try {
		return { n, ok: true, value: await follow(order) };
	} catch (error) {
		if (error instanceof Refused) return { n, ok: false, problem: error.problem, broken: false };
		return { n, ok: false, problem: { message: String(error) }, broken: true };
	}
}

async function follow(order: Order): Promise<Answers[keyof Answers]> {
	if (order.do === 'start') {
		database = await PGlite.create();
		await database.query(`SELECT set_config('timezone', $1, false)`, [order.zone]);
		return null;
	}
	if (!database) throw new Error('The database has not started.');
	return order.do === 'fill' ? fill(database, order.rows, order.anew) : run(database, order.sql);
}
