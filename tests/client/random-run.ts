import { vi } from 'vitest';
import { SSEClient } from '../../src/lib/client/index.ts';
import type { Denied, Gap } from '../../src/lib/protocol/index.ts';
import { DrivenEventSource } from './driven-event-source.ts';
import { HALLS, ModelLog } from './model-log.ts';
import { fits, isWildcard } from './model-request.ts';
import { ModelServer } from './model-server.ts';

type Topics = Record<string, unknown>;

const PLAIN = ['a', 'b', 'c'];
/** Each is a topic with a scope of its own. */
const ROOMS = ['rooms/1/x', 'rooms/1/y', 'rooms/2/x', 'rooms/3/x'];
/** The page asks for any of these. A room may be named beside a wildcard that brings it, and two wildcards may bring it. */
const NAMES = [...PLAIN, 'rooms/1/x', 'rooms/2/x', 'rooms/*/x', 'rooms/1/*'];

/**
 * What changes in a run besides events and connections. Not always everything, because one change may repair what another
 * has broken. In a crowded run, a stream has not always room for all topics of wildcards.
 */
export const KINDS = ['everything', 'everything crowded', 'names', 'crowded'] as const;
export type Kind = (typeof KINDS)[number];

/** Returns a random number generator. The same seed gives the same numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** Where a client runs, if it is not alone. */
export interface Scene {
	log: ModelLog;
	/** Connections of the client, the newest last. */
	sources: readonly DrivenEventSource[];
	kind: Kind;
	/** Where the client is present, and what it says about itself. */
	presence: readonly string[];
	state: Readonly<Record<string, unknown>>;
}

/** A client, a log, and all that can happen between them. */
export class RandomRun {
	readonly log: ModelLog;
	readonly server: ModelServer;
	readonly client: SSEClient<Topics>;
	/** Name → topic → ids that the handler of the name has received, and that the page still shows. */
	readonly seen = new Map<string, Map<string, string[]>>();
	/** Topics that a wildcard has brought before a server did not know the wildcard. */
	readonly #left = new Set<string>();
	/** Reasons of `denied` that the client was told. */
	readonly denials = new Set<string>();
	/** Topics whose end the client was told. */
	readonly ends: string[] = [];
	/** A request of an earlier connection that the server has not read yet. */
	#late: DrivenEventSource | null = null;
	readonly #random: () => number;
	readonly #kind: Kind;
	readonly #scene: Scene | null;
	/** Where the client is present. */
	halls: readonly string[];

	/**
	 * @param first names that the page asks for at first; absent: random ones
	 * @param scene absent: it is alone, with a log of its own
	 */
	constructor(seed: number, first?: readonly string[], scene: Scene | null = null) {
		if (!scene) DrivenEventSource.all = [];
		this.#scene = scene;
		this.halls = scene?.presence ?? [];
		this.log = scene?.log ?? new ModelLog();
		this.server = new ModelServer(this.log);
		this.#random = randomFrom(seed);
		this.server.whims.pick = (n) => this.pick(n);
		this.#kind = scene?.kind ?? KINDS[this.pick(KINDS.length)]!;
		for (let i = scene ? 0 : this.pick(12); i > 0; i--) this.append();
		for (let i = scene ? 0 : this.pick(6); i > 0; i--) this.changeGrant();
		const isRendered = (!first || scene) && this.pick(2) === 0;
		// A page is not rendered for a room that is closed.
		const isShown = (name: string) =>
			!isRendered || !ROOMS.includes(name) || this.log.grantOf(name);
		const names = first ?? NAMES.filter((name) => this.pick(3) === 0 && isShown(name));
		for (const name of names) {
			const rendered = isRendered && !isWildcard(name) ? [[name, this.log.ids(name)] as const] : [];
			this.seen.set(name, new Map(rendered));
		}
		this.client = new SSEClient<Topics>('/api/events', {
			topics: Object.fromEntries(names.map((name) => [name, this.handler(name)])),
			...(!scene && { eventSource: DrivenEventSource }),
			...(scene && { presence: scene.presence, state: scene.state }),
			keepAliveTimeout: 0,
			...(isRendered && { lastEventID: String(this.log.head), log: String(this.log.epoch) }),
			onGap: this.#startOver,
			onDenied: this.#drop,
			onEnded: ({ topic }) => this.ends.push(topic)
		});
	}

	pick(n: number): number {
		return Math.floor(this.#random() * n);
	}

	handler =
		(name: string) =>
		(_: unknown, event: { id: string; topic: string; params: readonly string[] }) => {
			const { id, topic, params } = event;
			const topics = this.seen.get(name);
			const isFitting = isWildcard(name) ? fits(name, topic) : name === topic;
			if (!topics || !isFitting) throw new Error(`The handler of ${name} got an event of ${topic}`);
			const parts = params.values();
			const filled = name.replace(/\*/g, () => parts.next().value ?? '');
			if (filled !== topic) throw new Error(`${topic} has the parameters ${params.join()}`);
			topics.set(topic, [...(topics.get(topic) ?? []), id]);
		};

	append(topics = [...PLAIN, ...ROOMS]): void {
		this.log.append(topics[this.pick(topics.length)]!);
	}

	changeGrant(): void {
		const room = ROOMS[this.pick(ROOMS.length)]!;
		if (this.log.grantOf(room) === null) this.log.grant(room);
		else this.log.revoke(room);
		// Between a revoke and the next grant there is often nothing.
		if (this.pick(4) === 0) this.log.grant(room);
	}

	/** The newest connection. */
	get source(): DrivenEventSource | null {
		return (this.#scene?.sources ?? DrivenEventSource.all).at(-1) ?? null;
	}

	toggle(name = NAMES[this.pick(NAMES.length)]!): void {
		const asked = this.source;
		if (this.seen.delete(name)) {
			this.client.updateTopics({ removeTopics: [name] });
		} else {
			this.seen.set(name, new Map());
			this.client.updateTopics({ addTopics: { [name]: this.handler(name) } });
		}
		// An abandoned request reaches the server at once, later, or never.
		if (this.pick(3) === 0) this.#late = asked;
	}

	/** The next server has another version, or other places for topics. */
	deploy(): void {
		const { whims } = this.server;
		const isOld = this.#hasEverything && this.pick(3) === 0;
		whims.unknown = isOld ? (name) => name === 'c' || name.startsWith('rooms/') : () => false;
		whims.writesUnknown = this.pick(2) === 0;
		whims.places = this.#isCrowded ? 1 + this.pick(4) : Infinity;
	}

	/** The server reads the newest request, and sometimes an outdated one before or after it. */
	serve(): void {
		const late = this.#late;
		this.#late = null;
		if (late && this.pick(2) === 0) this.server.accept(late);
		else this.#late = late;
		if (this.client.status === 'connecting') this.server.accept(DrivenEventSource.last.open());
	}

	lose(): void {
		if (this.client.status === 'idle') return;
		DrivenEventSource.last.fail(this.pick(2) === 0 ? 0 : 2);
		vi.advanceTimersByTime(30_000);
	}

	step(): void {
		const dice = this.pick(13);
		if (dice < 3) this.append();
		else if (dice < 6) this.server.deliver(1 + this.pick(4));
		else if (dice < 7) this.server.keepAlive();
		else if (dice < 8) this.lose();
		else if (dice < 9) this.serve();
		else if (dice < 10) this.deploy();
		else if (this.#kind === 'names' || (this.#hasEverything && dice === 10)) this.toggle();
		else if (this.#hasEverything) this.changeGrant();
		else this.server.deliver(1 + this.pick(4));
	}

	/** Delivers everything that is owed. */
	settle(): void {
		const { whims } = this.server;
		whims.unknown = () => false;
		whims.places = Infinity;
		this.lose();
		this.#deliverAll();
		if (!this.#isCrowded) return;
		// A topic that had no place in a stream comes back with its next event.
		for (const room of ROOMS) this.append([room]);
		this.#deliverAll();
	}

	/** The client is present elsewhere. */
	move(halls: readonly string[]): void {
		this.halls = halls;
		this.client.updatePresence({ scopes: halls });
	}

	/** Hall → who is there, as the client knows. */
	shown(): Map<string, string[]> {
		const shown = (hall: string) => this.client.presence(hall).map(({ id }) => id);
		return new Map(HALLS.map((hall) => [hall, shown(hall).sort()]));
	}

	/** Hall → who is there, as the client must know. */
	there(): Map<string, string[]> {
		const there = (hall: string) => (this.halls.includes(hall) && this.log.halls.in(hall)) || [];
		return new Map(HALLS.map((hall) => [hall, there(hall)]));
	}

	/** What the handlers must have received: for each name, and for each room that only wildcards bring. */
	expected(): Map<string, string[][]> {
		const filled = (ids: string[]) => (ids.length === 0 ? [] : [ids]);
		return new Map(this.#owed().map(([topic]) => [topic, filled(this.log.ids(topic))]));
	}

	/** What they have received. A room has one list, even if several wildcards can bring it. */
	received(): Map<string, string[][]> {
		const lists = (topic: string, names: string[]) =>
			names.flatMap((name) => {
				const ids = this.seen.get(name)?.get(topic) ?? [];
				return ids.length === 0 ? [] : [ids];
			});
		return new Map(this.#owed().map(([topic, names]) => [topic, lists(topic, names)]));
	}

	/** Topics, and the names whose handlers may get their events. */
	#owed(): [topic: string, names: string[]][] {
		const names = [...this.seen.keys()];
		// A server that does not know the wildcard cannot tell that a room was closed meanwhile. The page still shows it.
		const isShown = (room: string) => this.#left.has(room) && this.log.grantOf(room) === null;
		const unnamed = ROOMS.filter((room) => !this.seen.has(room) && !isShown(room));
		const brought = unnamed.map((room): [string, string[]] => [
			room,
			names.filter((name) => fits(name, room))
		]);
		return [
			...names
				.filter((name) => !isWildcard(name))
				.map((name): [string, string[]] => [name, [name]]),
			...brought.filter(([, wildcards]) => wildcards.length > 0)
		];
	}

	get #hasEverything(): boolean {
		return this.#kind.startsWith('everything');
	}

	get #isCrowded(): boolean {
		return this.#kind.endsWith('crowded');
	}

	#deliverAll(): void {
		// The client may ask again in the middle of a stream.
		for (let i = 0; i < 10; i++) {
			if (this.client.status === 'connecting') this.server.accept(DrivenEventSource.last.open());
			this.server.deliver(Infinity);
			if (this.client.status !== 'connecting') return;
		}
		throw new Error('The client does not stop asking');
	}

	#startOver = ({ topic }: Gap) => {
		this.seen.get(topic)?.clear();
		for (const topics of this.seen.values()) topics.delete(topic);
	};

	#drop = ({ topic, reason }: Denied) => {
		this.denials.add(reason);
		if (reason === 'unknown') {
			for (const room of this.seen.get(topic)?.keys() ?? []) this.#left.add(room);
		}
		if (reason === 'unknown' || reason === 'too_many') return;
		this.#left.delete(topic);
		for (const topics of this.seen.values()) topics.delete(topic);
	};
}
