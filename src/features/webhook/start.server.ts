import { createHmac } from 'node:crypto';
import type { Topic } from 'logline';
import type { StartFeature } from '$src/app/app.ts';

/** Longest wait for a response, in milliseconds. The transaction is open meanwhile, so it is short. */
const TIMEOUT_MS = 5000;

/** What is sent of an event. */
interface Sent {
	id: string;
	topic: string;
	userID: string | null;
	data: unknown;
	at: string;
}

/**
 * Sends events to another program, in order, when WEBHOOK_URL is set. It begins with the events after its first start. What is
 * not accepted is sent again, later each time, for about an hour; then it is a dead letter. An event can arrive twice, when
 * its response is lost: the receiver knows it by its id.
 */
export const start: StartFeature = ({ config, database, logline }) => {
	const { webhookUrl: url, webhookSecret: secret } = config;
	if (url === null || secret === null) return () => {};
	const consumer = logline.consume(
		'webhook',
		config.webhookTopics as Topic[],
		({ id, topic, userID, data, at }: Sent) => send(url, secret, { id, topic, userID, data, at }),
		{
			transaction: (work) => database.db.transaction(work),
			from: 'now',
			timeoutMs: 1.5 * TIMEOUT_MS
		}
	);
	return () => consumer.stop();
};

/** @throws Error when the receiver does not accept the event in time */
export async function send(url: string, secret: string, event: Sent): Promise<void> {
	const body = JSON.stringify(event);
	const response = await fetch(url, {
		method: 'POST',
		headers: {
			'content-type': 'application/json',
			'webhook-id': event.id,
			'webhook-signature': `sha256=${sign(secret, event.id, body)}`
		},
		body,
		// Its address was checked by the operator; where it leads to was not.
		redirect: 'error',
		signal: AbortSignal.timeout(TIMEOUT_MS)
	});
	// Its content is nothing to us, however long it is.
	await response.body?.cancel();
	if (!response.ok) throw new Error(`The receiver answered ${response.status}.`);
}

/** The receiver computes the same over `id.body`, and compares. */
export const sign = (secret: string, id: string, body: string): string =>
	createHmac('sha256', secret).update(`${id}.${body}`).digest('hex');
