import { isWildcard, LoglineError, type Viewer } from '../../protocol/index.ts';
import type { Feed } from '../delivery/presence/feed.ts';
import { readGrantsFor, type MissingScopes } from '../log/grants/read-grants.ts';
import { detached } from '../work/detached.ts';
import { dependsOnGrants, END, findRequested, isSignal, readCarried } from './carried.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { requireSome, subscribedBy, tellDenied } from './denied.ts';
import { GrantedTopics } from './granted-topics.ts';
import type { StreamParts } from './parts.ts';
import { setTopicSubscription } from './record.ts';
import { parseStreamRequest, type StreamRequest } from './request.ts';
import { endedBefore, gapsOf, judgeCursor, placeStarts, topicsFrom } from './starts.ts';
import { produceStream, signedOutStream, type ReplayRequest } from './stream.ts';
import { touchClient, type ClientName } from './subscriptions.ts';
import { analyzeTopics } from './topic-safety.ts';
import type { Authenticate, SignedInViewer } from './viewer.ts';

/** A request for a stream, independent of the server that received it. */
export interface StreamAsked {
	searchParams: URLSearchParams;
	headers: Pick<Headers, 'get'>;
	/** Aborts when the client disconnects before the response. */
	gone?: AbortSignal | undefined;
	/**
	 * The session of the request, as in {@link SignedInViewer.session}, if it is known without waiting: then a flood of
	 * openings is refused before anything is read. null: the request has no session. Absent: not known.
	 */
	session?: string | null | undefined;
	/**
	 * False: the caller answers for the cursor, so nothing about the client is stored, and the cursor counts for topics of
	 * wildcards, too. Default true.
	 */
	recorded?: boolean;
}

/** What an opening needs besides the parts: where it is counted, and who is told of it. */
export interface Opening {
	parts: StreamParts;
	connections: Connections;
	/** Called when a viewer has subscribed. */
	onSubscribe(viewer: Viewer, topics: readonly string[]): void;
}

/**
 * Responds to `GET /api/events`, in the steps of the protocol: place, session, topics, safety, starts, stream.
 *
 * The request takes its place before the first wait: from then on, the end of its session also ends the request.
 *
 * @throws LoglineError `invalid_topics`, `too_many_topics`, `invalid_cursor`, `invalid_client`, `invalid_presence`, `unauthorized`,
 *   `forbidden_topic`, `too_many_connections`, `draining`, `invalid_user`, `invalid_session`; errors of the driver and of `authenticate`
 */
export async function openStream(
	opening: Opening,
	asked: StreamAsked,
	authenticate: Authenticate
): Promise<Response> {
	const { parts, connections } = opening;
	const { recorded = true } = asked;
	const request = parseStreamRequest(asked, asked.headers, parts.limits);
	const wanted = { ...(request.fromNow ? beginNow(request, parts.hub.tail) : request), recorded };
	if (asked.session === null) return withoutSession(parts, wanted);
	const { clientID } = wanted;
	const connection = connections.take({ sessionID: asked.session ?? null, clientID });
	let changing: GrantedTopics | null = null;
	let feed: Feed | null = null;
	const abandon = () => connections.abandon(connection);
	asked.gone?.addEventListener('abort', abandon, { once: true });
	try {
		if (asked.gone?.aborted) abandon();
		const viewer = await connection.during(Promise.resolve(authenticate()));
		if (!viewer || isOther(wanted, viewer)) {
			connections.release(connection);
			return withoutSession(parts, wanted, viewer);
		}
		const names = wanted.topics.map(({ topic }) => topic);
		const ruled = dependsOnGrants(parts.topics, names);
		// Without grants, a request for nothing that the viewer may see costs no query.
		if (!ruled) requireSome(parts, viewer, wanted, await readCarried(parts, viewer, names, 0n));
		connections.identify(connection, viewer);
		// From here on it is told of changes, so what is read after this cannot be out of date unnoticed.
		if (ruled) changing = new GrantedTopics(parts, viewer, names);
		feed = await openFeed(parts, connection, viewer, wanted);
		const replay = { ...(await prepare(opening, connection, viewer, wanted, changing)), feed };
		const response = detached(() => produceStream(parts, connections, connection, replay));
		opening.onSubscribe(
			viewer,
			replay.starts.map(({ topic }) => topic)
		);
		return response;
	} catch (error) {
		changing?.end();
		feed?.end();
		connections.release(connection);
		if (isUnauthorized(connection.refusal ?? error)) return withoutSession(parts, wanted);
		throw error;
	} finally {
		asked.gone?.removeEventListener('abort', abandon);
	}
}

/** Lets a request begin as if its client had received everything up to the tail. */
const beginNow = (request: StreamRequest, tail: bigint): StreamRequest => ({
	...request,
	cursor: tail,
	topics: request.topics.map((topic) => ({ ...topic, last: tail }))
});

/** @returns true when the client has events of another user than the one who is signed in now */
const isOther = ({ user }: StreamRequest, viewer: Viewer) => user !== null && user !== viewer.id;

const isUnauthorized = (error: unknown) =>
	error instanceof LoglineError && error.code === 'unauthorized';

/** @throws LoglineError `unauthorized` when the client has no user's events; a client that has some is told in a stream */
function withoutSession(
	parts: StreamParts,
	{ user }: StreamRequest,
	viewer: Viewer | null = null
): Response {
	if (user === null) throw new LoglineError('unauthorized', 'Sign in first.', 401);
	return signedOutStream(parts, viewer ? 'Somebody else has signed in.' : 'The session has ended.');
}

/** Begins the presence of a stream. */
async function openFeed(
	{ presence, pool }: StreamParts,
	connection: Connection,
	viewer: SignedInViewer,
	{ presence: scopes, state }: StreamRequest
): Promise<Feed | null> {
	if (scopes.length === 0) return null;
	const feed = presence.feed({ viewer, scopes, state });
	try {
		if (feed.dependsOnGrants) {
			const missing: MissingScopes = (open) => feed.missing(open);
			feed.learn(await connection.during(readGrantsFor(pool, viewer.id, END, missing)));
		}
		return feed;
	} catch (error) {
		feed.end();
		throw error;
	}
}

/** Computes what the client is owed, and records its subscriptions. */
async function prepare(
	{ parts, connections }: Opening,
	connection: Connection,
	viewer: SignedInViewer,
	wanted: StreamRequest & { recorded: boolean },
	changing: GrantedTopics | null
): Promise<Omit<ReplayRequest, 'feed'>> {
	const name: ClientName = { sessionID: viewer.session, clientID: connection.clientID };
	const { moves } = parts.markers;
	const { log, client } = await connection.during(
		parts.readClient({ ...name, userID: viewer.id, cursor: wanted.cursor })
	);
	const standing = judgeCursor(wanted, log);
	const { valid } = standing;
	const cursor = valid ? standing.cursor : null;
	const names = wanted.topics.map(({ topic }) => topic);
	const carried = await connection.during(
		changing ? changing.read(cursor ?? log.given) : readCarried(parts, viewer, names, 0n)
	);
	const denied = await connection.during(tellDenied(parts, carried, names, cursor));
	requireSome(parts, viewer, wanted, carried);
	const topics = topicsFrom(
		wanted.topics.filter(({ topic }) => findRequested(parts.topics, topic)),
		standing
	);
	const { recorded } = wanted;
	// A wildcard of such a client begins at the tail, too.
	const known = { ...client, recorded: recorded && !wanted.fromNow };
	const safety = analyzeTopics(known, topics, standing.cursor, valid);
	const { tail } = parts.hub;
	const { starts, begun: newTopics } = await connection.during(
		placeStarts(parts, viewer, carried, safety, client, cursor, tail)
	);
	const wildcards = names.filter(isWildcard).map((topic) => ({ topic, after: tail }));
	// A topic that goes on at the cursor of a known subscription has told its end before, if it has ended.
	const untold =
		safety.missing.length > 0 ? starts : starts.filter(({ after }) => after !== cursor);
	const [since, ended] = await connection.during(
		Promise.all([
			recorded
				? setTopicSubscription(
						parts,
						{ ...name, viewer, topics, safety, starts: [...starts, ...wildcards], client },
						connections.clientsOf(viewer.session)
					)
				: 0n,
			endedBefore(parts.readEnded, untold)
		])
	);
	if (client.stale) await connection.during(touchClient(parts.pool, name));
	const from = cursor ?? 0n;
	const atLeast = [since, safety.atLeast, carried.position, from].reduce((a, b) => (a > b ? a : b));
	const gaps = await connection.during(
		gapsOf(parts, viewer, wanted, standing, new Set([...names, ...carried.topics.keys()]))
	);
	return {
		viewer,
		starts,
		newTopics,
		told: safety.told,
		cursor: from,
		atLeast,
		gaps,
		denied,
		subscribed: subscribedBy(carried),
		ended,
		changing: changing ?? undefined,
		hasMarkers: client.hasMarkers || parts.markers.moves !== moves,
		signals: names.filter((name) => isSignal(parts.topics, name)),
		log: log.epoch
	};
}
