/** `POST /api/publish`: events from other programs. docs/protocol.md says what it takes and returns. */
import { LoglineError } from 'logline';
import { failureOf } from 'logline/server';
import { carriesToken } from '../bearer.ts';
import { readJson } from '../json-body.ts';
import { processMetrics } from '../metrics/metrics.ts';
import { jsonAnswer, jsonRefusal, type Answer } from '../refuse.ts';
import { appendItems, type Publisher } from './append-items.ts';
import { publishFeed } from './feed.ts';

/** A request, of SvelteKit or of Node. */
export interface PublishRequest {
	header: (name: string) => string | null | undefined;
	/** The body. It must stay open when reading it ends early: the client still has to get its response. */
	chunks: AsyncIterable<Uint8Array>;
}

/** Maximum of a body that is read at once, in bytes, if `BODY_SIZE_LIMIT` allows as much. */
const MAX_BODY_BYTES = 8_388_608;

/** Maximum events of one append. */
const MAX_ITEMS = 1000;

/**
 * Publishes what a request contains.
 *
 * @returns the response, also of a refusal
 * @throws only what is a fault of ours
 */
export async function publish(app: Publisher, request: PublishRequest): Promise<Answer> {
	const response = await respond(app, request);
	processMetrics().countPublish(response.status);
	return response;
}

async function respond(app: Publisher, request: PublishRequest): Promise<Answer> {
	try {
		authorize(app.config.publishToken, request.header('authorization'));
		const chunks = received(request.chunks);
		if (isFeed(request.header('content-type'))) return await publishFeed(app, chunks);
		const length = request.header('content-length');
		return await publishBody(app, await readJson(chunks, length, MAX_BODY_BYTES));
	} catch (error) {
		const failure = failureOf(error);
		if (!failure) throw error;
		const refusal = jsonRefusal(failure);
		if (failure.status === 401) refusal.headers['www-authenticate'] = 'Bearer';
		return refusal;
	}
}

function authorize(token: string | null, authorization: string | null | undefined): void {
	if (token === null) {
		throw new LoglineError(
			'publishing_disabled',
			'Publishing is off: the server has no PUBLISH_TOKEN in its environment.',
			503
		);
	}
	if (carriesToken(authorization, token)) return;
	throw new LoglineError(
		'unauthorized',
		'Send the PUBLISH_TOKEN of the server: "Authorization: Bearer …".',
		401
	);
}

/** The chunks of a body. When the sender disconnects, that is no fault of ours. */
async function* received(
	chunks: AsyncIterable<Uint8Array>
): AsyncGenerator<Uint8Array, void, void> {
	try {
		yield* chunks;
	} catch (error) {
		if ((error as { status?: unknown }).status === 413) throw error;
		const text = 'The connection ended before the body did.';
		throw Object.assign(new LoglineError('incomplete_body', text), { cause: error });
	}
}

const isFeed = (type: string | null | undefined) =>
	/^application\/(x-)?ndjson\s*(;|$)/i.test(type ?? '');

async function publishBody(app: Publisher, body: unknown): Promise<Answer> {
	const many = Array.isArray(body);
	const items: unknown[] = many ? body : [body];
	if (items.length > MAX_ITEMS) {
		throw new LoglineError(
			'too_many_events',
			`A request has at most ${MAX_ITEMS} events. Send several, or application/x-ndjson.`
		);
	}
	try {
		const appended = await appendItems(app, items);
		const duplicates = appended.filter(({ duplicate }) => duplicate).length;
		return jsonAnswer({ ids: appended.map(({ id }) => id), duplicates });
	} catch (error) {
		const failure = failureOf(error);
		if (!failure || !many || failure.index === undefined) throw error;
		const { code, message, index } = failure;
		return jsonRefusal(failure, { error: { code, message: `Item ${index}: ${message}`, index } });
	}
}
