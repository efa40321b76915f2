import type { Row } from '../archive.ts';
import type { RoomLog } from './audit.ts';
import type { RoomFindings } from './findings.ts';
import type { Entry, RoomJournal } from './journal.ts';
import { deciderOf, PLACES, type Place } from './places.ts';
import type { Run } from './visibility.ts';

type Of<K extends Entry['kind']> = Extract<Entry, { kind: K }>;

/** What a client has of a topic, since it last forgot it. */
interface Held {
	readonly place: Place;
	/** The name that it asked for, its count, and the position of the subscription. */
	readonly decider: string;
	readonly n: number;
	readonly since: number;
	/** Where the log was, at most, when something first came of what it had asked for. null: nothing has. */
	answered: number | null;
	readonly seen: Set<number>;
	/** Up to here, everything that is owed was found to be there, in the run that began at `run`. */
	checkedTo: number;
	run: number;
	/** Ids on this connection. */
	readonly wire: Set<number>;
	last: number;
	/** True: `subscribed` has come on this connection. */
	told: boolean;
}

/** Replays a journal, and holds each step against the log. */
export class ClientAudit {
	readonly #log: RoomLog;
	readonly #journal: RoomJournal;
	readonly #findings: RoomFindings;
	readonly #held = new Map<string, Held>();
	#connection: { cursor: number; low: number } = { cursor: 0, low: 0 };
	#cursor = 0;
	/** The furthest cursor on this connection, and the older event that has just moved the cursor back. 0: none. */
	#furthest = 0;
	#back = 0;

	constructor(log: RoomLog, journal: RoomJournal, findings: RoomFindings) {
		this.#log = log;
		this.#journal = journal;
		this.#findings = findings;
	}

	run(): void {
		for (const entry of this.#journal.entries) {
			if (entry.kind !== 'asks' && entry.kind !== 'connects') this.#answers(entry.at);
			if (entry.kind === 'asks') this.#asks(entry);
			else if (entry.kind === 'connects') this.#connects(entry);
			else if (entry.kind === 'event') this.#event(entry);
			else if (entry.kind === 'cursor') this.#moves(entry.id, entry.at, false);
			else if (entry.kind === 'denied') this.#denied(entry);
			else if (entry.kind === 'subscribed') this.#subscribed(entry);
		}
		this.#findings['false alarm'].push(...this.#journal.falseAlarms.map((text) => this.#say(text)));
		this.#end();
	}

	/** A server that has sent something has begun the topics of the request, because it computes all of them first. */
	#answers(at: number): void {
		for (const held of this.#held.values()) held.answered ??= this.#log.heads.high(at);
	}

	#asks({ names, fresh, cursor }: Of<'asks'>): void {
		for (const place of PLACES) {
			const { topic } = place;
			const decider = deciderOf(topic, names.keys());
			const held = this.#held.get(topic);
			if (decider === undefined) this.#held.delete(topic);
			else if (!held || held.decider !== decider || fresh.has(decider)) {
				const n = names.get(decider)!;
				const { userId, client } = this.#journal;
				// Without a marker, no server has recorded the subscription yet, and no cursor speaks for it.
				const marked = this.#log.subscribed.get(`${userId} ${client} ${decider} ${n}`) ?? Infinity;
				const since = cursor === 0 ? 0 : marked;
				this.#held.set(topic, this.#fresh(place, decider, n, since, null));
			}
		}
	}

	#fresh(place: Place, decider: string, n: number, since: number, answered: number | null): Held {
		const nothing = { seen: new Set<number>(), wire: new Set<number>() };
		return {
			...{ place, decider, n, since, answered, ...nothing },
			...{ checkedTo: 0, run: -1, last: 0, told: false }
		};
	}

	#forget({ place, decider, n, since, answered, told }: Held): Held {
		const anew = this.#fresh(place, decider, n, since, answered);
		anew.told = told;
		this.#held.set(place.topic, anew);
		return anew;
	}

	#connects({ cursor, low }: Of<'connects'>): void {
		this.#connection = { cursor, low };
		this.#cursor = this.#furthest = cursor;
		this.#back = 0;
		for (const held of this.#held.values()) {
			// Who comes without a cursor begins anew.
			if (cursor === 0) held.answered = null;
			held.wire.clear();
			held.last = 0;
			held.told = false;
		}
	}

	#denied({ topic }: Of<'denied'>): void {
		const held = this.#held.get(topic);
		if (!held) return;
		this.#forget(held).told = false;
	}

	#subscribed({ topic }: Of<'subscribed'>): void {
		const held = this.#held.get(topic);
		if (held) held.told = true;
	}

	#event({ topic, id, tag, at }: Of<'event'>): void {
		const held = this.#held.get(topic);
		if (!held) {
			this.#find('false alarm', `an event of "${topic}", which it has not asked for`);
			return;
		}
		const row = this.#log.byId.get(id);
		if (!row || row.tag !== tag || row.topic !== topic) {
			this.#find('phantom', `${topic} ${id} is not in the log like that`);
			return;
		}
		this.#mayHave(held, row, at);
		this.#once(held, id, at);
		held.seen.add(id);
		held.wire.add(id);
		held.last = id;
		this.#moves(id, at, true);
	}

	/**
	 * The topic must have been visible at some position p of the log: not before the event, not before what the server had
	 * surely read when it sent it, and not after the event had arrived. The server has surely read what was committed before
	 * the request was sent, because it reads the grants later, and what the client's cursor was at.
	 */
	#mayHave({ place, decider, told }: Held, { id, userId, tag }: Row, at: number): void {
		const { topic, sinceGranted } = place;
		const { visibility, heads, probes } = this.#log;
		const user = this.#journal.userId;
		const text = `${topic} ${id} (cursor ${this.#cursor}, connected at ${this.#connection.low}, arrived at ${heads.high(at)})`;
		if (userId !== null && userId !== user) {
			this.#find('not entitled', text);
			return;
		}
		const first = Math.max(id, this.#connection.low, this.#cursor);
		const high = heads.high(at);
		const visible = visibility
			.runs(user, topic)
			.some(({ from, until }) => from <= high && until > first && (!sinceGranted || id > from));
		if (!visible) this.#find('leaked', `${text}: ${this.#describeRuns(topic)}`);
		for (const probe of probes.get(tag) ?? []) {
			if (probe.userId !== user) continue;
			// The log's view of the loss does not count here: only a later grant can show the event.
			const next = visibility.nextGrant(user, topic, id);
			if (next > high) this.#find('seen after a revoke', text);
		}
		const isBrought = decider !== topic;
		if (isBrought && !told && this.#journal.how === 'wire') {
			this.#find('false alarm', `${text}: before its "subscribed"`);
		}
	}

	/**
	 * A handler gets an event once. On the wire, an event may come again on another connection, unless the client's cursor has
	 * told that it is there: the topic was visible without a break from before the cursor until now.
	 */
	#once(held: Held, id: number, at: number): void {
		const { topic } = held.place;
		if (held.wire.has(id)) this.#find('doubled', `${topic} ${id} on one connection`);
		else if (id < held.last) this.#find('out of order', `${topic} ${id} after ${held.last}`);
		if (!held.seen.has(id)) return;
		const { cursor } = this.#connection;
		if (this.#journal.how === 'handlers') this.#find('doubled', `${topic} ${id}`);
		else if (id <= cursor && held.since <= cursor && this.#unbroken(topic, cursor, at)) {
			this.#find('doubled', `${topic} ${id}, though it came back with cursor ${cursor}`);
		}
	}

	/** The run that the topic had at this position, if it had not ended when something arrived. */
	#unbroken(topic: string, position: number, at: number): Run | undefined {
		const run = this.#log.visibility.at(this.#journal.userId, topic, position);
		return run && run.until > this.#log.heads.high(at) ? run : undefined;
	}

	/**
	 * The client's cursor is now this id. If the connection broke off here, the client would come back with it, and be sent
	 * what is later. So it must have everything that is owed up to here, of each topic that is visible at this position. A
	 * topic that was lost before the block arrived does not count: a server that knows may have ended it.
	 */
	#moves(cursor: number, at: number, isEvent: boolean): void {
		this.#cursor = cursor;
		if (this.#journal.how === 'handlers') return;
		this.#goesOn(cursor, isEvent);
		for (const held of this.#held.values()) {
			const run = cursor < held.since ? undefined : this.#unbroken(held.place.topic, cursor, at);
			if (run) this.#holds(held, run, cursor, 'cursor ahead');
		}
	}

	/** An older event moves the cursor back. So the next block must bring it forward again. */
	#goesOn(cursor: number, isEvent: boolean): void {
		const isBehind = cursor < this.#furthest;
		if (this.#back > 0 ? isEvent || isBehind : isBehind && !isEvent) {
			this.#find('cursor moved back', `to ${this.#back || cursor} from ${this.#furthest}`);
		}
		this.#back = isEvent && isBehind ? cursor : 0;
		this.#furthest = Math.max(this.#furthest, cursor);
	}

	#holds(held: Held, run: Run, position: number, finding: 'cursor ahead' | 'lost'): void {
		const { place, seen } = held;
		if (held.run !== run.from || finding === 'lost') {
			held.run = run.from;
			held.checkedTo = 0;
		}
		if (position <= held.checkedTo) return;
		const after = held.checkedTo;
		held.checkedTo = position;
		for (const row of this.#owed(held, run, after, position)) {
			if (!seen.has(row.id)) {
				this.#find(
					finding,
					`${place.topic} ${row.id} at ${position}, subscribed at ${held.since} by "${held.decider}", answered at ${held.answered}, visible since ${run.from}; ${this.#describeRuns(place.topic)}`
				);
			}
		}
	}

	/** The events that a client must have at a position, with `after < id`. Those that are gone are not owed. */
	*#owed(
		{ place, since, answered }: Held,
		run: Run,
		after: number,
		position: number
	): Iterable<Row> {
		const rows = this.#log.byTopic.get(place.topic) ?? [];
		let floor = place.sinceGranted ? run.from : 0;
		if (place.replay !== null) {
			// The replay window is the one of the grant, or of the moment when a server has read the request: not when the client
			// asked, because a server that stands still reads it much later. What came after that moment is owed in any case. It was
			// before the position of the subscription, or, where that has none, before the first answer.
			const begun = Math.max(run.from, since === Infinity ? 0 : since || (answered ?? 0));
			const older = begun === run.from ? this.#newest(rows, begun, place.replay) : [];
			floor = older[0] ? older[0].id - 1 : begun;
		}
		for (const row of rows) {
			if (row.id > position) return;
			if (row.id <= after || row.id <= floor || row.gone !== null) continue;
			if (row.userId === null || row.userId === this.#journal.userId) yield row;
		}
	}

	#newest(rows: readonly Row[], to: number, count: number): readonly Row[] {
		const { userId } = this.#journal;
		return rows
			.filter((row) => row.id <= to && (row.userId === null || row.userId === userId))
			.slice(-count);
	}

	/** In the end, every client is at the head of the log, and nothing changes any more. */
	#end(): void {
		const { head, visibility } = this.#log;
		for (const held of this.#held.values()) {
			const run = visibility.at(this.#journal.userId, held.place.topic, head);
			if (run && held.since <= head) this.#holds(held, run, head, 'lost');
		}
	}

	#describeRuns(topic: string): string {
		const runs = this.#log.visibility.runs(this.#journal.userId, topic);
		return `visible ${
			runs
				.slice(-4)
				.map(({ from, until }) => `${from}–${until}`)
				.join(', ') || 'never'
		}`;
	}

	#say(text: string): string {
		return `${this.#journal.name}: ${text}`;
	}

	#find(finding: keyof RoomFindings, text: string): void {
		this.#findings[finding].push(this.#say(text));
	}
}
