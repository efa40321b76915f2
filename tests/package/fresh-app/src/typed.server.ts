/** What the types of the installed package must refuse. Not run. */
import type { ReadEvent } from 'logline/server';
import { SSEClient } from 'logline/client';
import { eq } from 'drizzle-orm';
import { db } from './database.server';
import { logline } from './logline.server';
import { users } from './schema.server';

export async function refused(): Promise<void> {
	// @ts-expect-error -- the data of another form
	await logline.emit({ event: 'orders', data: { item: 1 } });
	// @ts-expect-error -- no such topic
	await logline.emit({ event: 'order', data: { item: 'A lamp' } });
	// @ts-expect-error -- no such topic
	new SSEClient('/api/events', { topics: { order: () => {} } });
	// @ts-expect-error -- no such field
	new SSEClient('/api/events', { topics: { orders: ({ price }) => price } });
}

export async function accepted(event: ReadEvent<'orders'>): Promise<string> {
	await db.transaction(async (tx) => {
		await tx.update(users).set({ name: event.data.item }).where(eq(users.name, event.topic));
		await logline.emit({ event: 'orders', data: { item: 'A lamp' } }, tx);
	});
	const { id } = await logline.emit({ event: 'orders', data: { item: 'A lamp' } });
	return id;
}
