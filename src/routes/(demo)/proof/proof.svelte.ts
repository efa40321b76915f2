/**
 * Counts, each time the connection comes back, what was replayed, lost and doubled. What is lost is the log's own answer:
 * the page compares what it has handled with what the log says that it must have.
 */
import { compareIds, type SSETopicsMap } from 'logline';
import type { Inspected } from 'logline/client';
import type { StorySum } from '$src/features/chat/story-sum.ts';
import { readBetween, type Between } from './between.ts';
import { Handled } from './handled.ts';

/** How long the connection is cut, in milliseconds. */
export const CUT_MS = 12_000;
/** Time between two questions how much waits, in milliseconds. After the first minute they are rarer. */
const ASK_MS = 1000;
const RARELY_MS = 10_000;
const OFTEN = 60;
/** From this number on, "99+" is shown, and the log is not asked again. */
const MOST_WAITING = 99;
/** Events that are compared with the log. */
const MOST_COMPARED = 1000;
/** How long replayed rows are marked, in milliseconds. */
const MARKED_MS = 6000;
/** Rows that are marked: more than the panels show. */
const MOST_MARKED = 1000;

/** The sum of one absence. */
export interface Comeback {
	/** Events that were handled between the new connection and `caught-up`. */
	replayed: number;
	/** Events of the log that this page should have handled and has not. null: the log could not be asked, or they are too many. */
	lost: number | null;
	/** Events whose handler was called although it had been called for them before. */
	doubled: number;
	/** From the begin of the connection until all was handled, in milliseconds. */
	ms: number;
	/** The part of the log: after this id, up to that one. */
	after: string;
	upTo: string;
}

/** What the proof needs to know of the page. */
export interface ProofOwner {
	/** Every event up to this id has been handled. */
	cursor(): string;
	/** The topics that the page is subscribed to. */
	topics(): readonly string[];
	connect(): void;
	close(): void;
	fetch: typeof fetch;
}

interface Absence {
	after: string;
	/** Topics that the page had before, and has not turned off since. */
	topics: Set<string>;
	/** When the newest attempt began. null: none has. */
	attemptAt: number | null;
	replayed: number;
	doubled: number;
	rows: unknown[];
}

const NONE: ReadonlySet<unknown> = new Set();

const STORY_TOPICS = ['message', 'prompt', 'end', 'reset'];

export class Proof {
	readonly #owner: ProofOwner;
	readonly #handled = new Handled();
	#absence: Absence | null = null;
	/** Absences that are being compared with the log. */
	readonly #compared = new Set<Absence>();
	/** All history was sent, and the connection stands. */
	#live = false;
	#phase = $state<'here' | 'away' | 'returning'>('here');
	#waiting = $state<number | null>(null);
	#cutUntil = $state<number | null>(null);
	#comeback = $state.raw<Comeback | null>(null);
	#storySum = $state.raw<StorySum | null>(null);
	#marked = $state.raw<ReadonlySet<unknown>>(NONE);
	/** Ids between which the present story lies. */
	#story = { after: '0', upTo: '0' };
	/** The same of the story before the last reset. */
	#storyBefore = this.#story;
	#sums = { returns: 0, replayed: 0, doubled: 0 };
	#asking = new AbortController();
	#cutTimer: ReturnType<typeof setTimeout> | undefined;
	#askTimer: ReturnType<typeof setTimeout> | undefined;
	#markTimer: ReturnType<typeof setTimeout> | undefined;

	constructor(owner: ProofOwner) {
		this.#owner = owner;
	}

	/** `away`: not connected. `returning`: what was missed is being counted. */
	get phase(): 'here' | 'away' | 'returning' {
		return this.#phase;
	}

	/** How many events wait in the log; more than 99: so many or more. null: not known. */
	get waiting(): number | null {
		return this.#waiting;
	}

	/** When a cut connection comes back by itself, in milliseconds since 1970. null: it was not cut. */
	get cutUntil(): number | null {
		return this.#cutUntil;
	}

	/** The sum of the last absence. */
	get comeback(): Comeback | null {
		return this.#comeback;
	}

	/** Rows that came by the last replay, for some seconds. */
	get marked(): ReadonlySet<unknown> {
		return this.#marked;
	}

	/** The sum of the story, once it has ended and the log was asked. */
	get storySum(): StorySum | null {
		return this.#storySum;
	}

	/** Drops the connection for twelve seconds. What happens meanwhile goes on without this page. */
	cut = (): void => {
		this.#owner.close();
		this.#cutUntil = Date.now() + CUT_MS;
		this.#cutTimer = setTimeout(this.comeBack, CUT_MS);
	};

	/** Connects again, if the connection was cut or is lost. */
	comeBack = (): void => {
		this.#endCut();
		this.#owner.connect();
	};

	/** Takes a step of the client. */
	take(step: Inspected): void {
		if (step.type === 'attempt') {
			this.#endCut();
			this.#live = false;
			if (this.#absence) this.#absence.attemptAt = performance.now();
		} else if (step.type === 'state' && step.status !== 'connected') {
			// A connection that is replaced, for other topics, is not lost: no wait and no end comes first.
			if (step.status !== 'connecting' || step.retryAt !== null) this.#leave();
		}
	}

	/** An event came with the page. */
	rendered(topic: string, id: string, data: unknown): void {
		this.#handled.add(topic, id);
		this.#follow(topic, id, data);
	}

	/**
	 * The handler of an event is called.
	 *
	 * @param row what a panel shows of it
	 */
	handled(topic: string, id: string, data: unknown, row: unknown): void {
		const first = this.#handled.add(topic, id);
		const absence = this.#absence;
		if (!first) {
			this.#sums.doubled++;
			if (absence) absence.doubled++;
		} else if (absence && compareIds(id, absence.after) > 0) {
			absence.replayed++;
			if (absence.rows.length < MOST_MARKED) absence.rows.push(row);
		}
		this.#follow(topic, id, data);
		if (topic === 'end' && this.#live) void this.#tellStory();
	}

	/** A topic begins again, or is turned off: what was handled of it may come again. */
	forget(topic: string): void {
		this.#handled.forget(topic);
		this.#absence?.topics.delete(topic);
		for (const { topics } of this.#compared) topics.delete(topic);
	}

	/** Everything up to an id was sent. */
	caughtUp(upTo: string): void {
		const absence = this.#absence;
		this.#live = true;
		if (this.#story.upTo !== this.#story.after && !this.#storySum) void this.#tellStory();
		if (!absence || absence.attemptAt === null) return;
		this.#absence = null;
		clearTimeout(this.#askTimer);
		const ms = Math.max(1, Math.round(performance.now() - absence.attemptAt));
		this.#sums.returns++;
		this.#sums.replayed += absence.replayed;
		this.#mark(absence.rows);
		this.#phase = 'returning';
		void this.#compare(absence, upTo, ms);
	}

	/** Ends every timer and question. */
	end(): void {
		this.#asking.abort();
		this.#endCut();
		clearTimeout(this.#askTimer);
		clearTimeout(this.#markTimer);
	}

	#leave(): void {
		if (this.#absence || this.#asking.signal.aborted) return;
		this.#live = false;
		this.#absence = {
			after: this.#owner.cursor(),
			topics: new Set(this.#owner.topics()),
			attemptAt: null,
			replayed: 0,
			doubled: 0,
			rows: []
		};
		this.#waiting = null;
		this.#phase = 'away';
		this.#askLater(this.#absence, 0);
	}

	#askLater(absence: Absence, asked: number): void {
		const ask = async () => {
			if (!globalThis.document?.hidden) {
				const found = await this.#between([...absence.topics], absence.after, null, MOST_WAITING);
				if (this.#absence !== absence || this.#asking.signal.aborted) return;
				this.#waiting = found ? found.ids.length + (found.more ? 1 : 0) : null;
				if (found?.more) return;
			}
			this.#askLater(absence, asked + 1);
		};
		this.#askTimer = setTimeout(() => void ask(), asked < OFTEN ? ASK_MS : RARELY_MS);
	}

	/** Asks the log what this page should have got, and compares. */
	async #compare(absence: Absence, upTo: string, ms: number): Promise<void> {
		const { after, replayed, doubled, topics } = absence;
		this.#compared.add(absence);
		let found: Between | null;
		let asked: number;
		// What is forgotten meanwhile would count as lost, so the log is asked again without it.
		do {
			asked = topics.size;
			found = await this.#between([...topics], after, upTo, MOST_COMPARED);
			if (this.#asking.signal.aborted) return;
		} while (topics.size < asked);
		this.#compared.delete(absence);
		// Of a part it is not known what the whole has lost.
		const lost = found && !found.more ? this.#missing(found.ids) : null;
		this.#comeback = { replayed, lost, doubled, ms, after, upTo };
		if (this.#phase === 'returning') this.#phase = 'here';
	}

	/** Compares the whole story with the log. */
	async #tellStory(): Promise<void> {
		const { after, upTo } = this.#story;
		const found = await this.#between(STORY_TOPICS, after, upTo, MOST_COMPARED);
		if (!found || found.more || this.#story.upTo !== upTo) return;
		const lost = this.#missing(found.ids);
		this.#storySum = { events: found.ids.length, lost, ...this.#sums };
	}

	#missing(ids: readonly string[]): number {
		return ids.filter((id) => !this.#handled.has(id)).length;
	}

	/** Keeps where the story begins and ends. */
	#follow(topic: string, id: string, data: unknown): void {
		if (topic === 'reset') {
			// A reset that is taken back brings the story before it back.
			const isUndo = Boolean((data as SSETopicsMap['reset'] | null)?.undo);
			[this.#story, this.#storyBefore] = [
				isUndo ? this.#storyBefore : { after: id, upTo: id },
				this.#story
			];
			this.#storySum = null;
			this.#sums = { returns: 0, replayed: 0, doubled: 0 };
		} else if (topic === 'end') {
			this.#story.upTo = id;
		}
	}

	#between(topics: readonly string[], after: string, upTo: string | null, limit: number) {
		const query = { topics, after, upTo, limit };
		return topics.length === 0
			? Promise.resolve({ ids: [], more: false })
			: readBetween(query, this.#owner.fetch, this.#asking.signal);
	}

	#mark(rows: readonly unknown[]): void {
		clearTimeout(this.#markTimer);
		this.#marked = new Set(rows);
		this.#markTimer = setTimeout(() => (this.#marked = NONE), MARKED_MS);
	}

	#endCut(): void {
		clearTimeout(this.#cutTimer);
		this.#cutUntil = null;
	}
}
