import type { Appended } from '../../src/lib/server/log/types.ts';
import { ask } from './http.ts';
import type { Fact } from './ledger.ts';
import type { EventMaker } from './events.ts';
import type { Random } from './random.ts';

/** How long a writer waits for a response, in milliseconds: longer than the application's own limit for an append. */
const ANSWER_MS = 18_000;

/** What writers over HTTP need. */
export interface HttpWriterParts {
	origin: string;
	random: Random;
	maker: EventMaker;
	/** Aborts when writers must finish. */
	signal: AbortSignal;
}

/** Error codes that promise that nothing was written. */
const REFUSALS = new Set([
	'draining',
	'closed',
	'log_busy',
	'log_unavailable',
	'unknown_topic',
	'invalid_data'
]);

/** Error codes that mean: unknown, or try later. */
const PASSING = new Set(['append_timeout', 'database_unavailable']);

/** Appends once, whatever the result. */
export async function appendOnce({ origin, random, maker }: HttpWriterParts): Promise<void> {
	const facts = maker.some();
	// All or nothing: with one bad event in a request, none of its events may appear.
	if (random.chance(0.03)) facts.push(maker.make({ topic: 'no-such-topic' }));
	settle(await send(origin, maker, facts), facts, maker);
}

/** Appends with keys, again and again until it is acknowledged; sometimes twice at the same time. */
export async function appendKeyed(parts: HttpWriterParts): Promise<void> {
	const { origin, random, maker, signal } = parts;
	const facts = maker.some({ keyed: true });
	let patience: number | null = null;
	for (;;) {
		const twins = random.chance(0.1) ? 2 : 1;
		const answers = await Promise.all(
			Array.from({ length: twins }, () => send(origin, maker, facts))
		);
		for (const answer of answers) settle(answer, facts, maker, { keepUnknown: true });
		if (facts.every((fact) => fact.outcome === 'acknowledged')) return;
		// After the faults are over, a few more attempts must be enough.
		if (signal.aborted) patience = (patience ?? 5) - 1;
		if (patience === 0) return;
		await new Promise((resolve) => setTimeout(resolve, random.between(20, 300)));
	}
}

/** A transaction of the application that writes a row and emits an event about it. */
export async function appendInTransaction(parts: HttpWriterParts): Promise<void> {
	const { origin, random, maker } = parts;
	const facts = maker.some({ business: true });
	const rollback = random.chance(0.25);
	const answer = await ask(`${origin}/transaction`, {
		body: {
			events: facts.map((fact) => maker.toEvent(fact)),
			tags: facts.map((fact) => fact.tag),
			rollback,
			holdMs: random.chance(0.1) ? random.between(200, 1500) : 0
		},
		timeoutMs: ANSWER_MS
	});
	judge(answer, maker);
	for (const fact of facts) {
		// The application never commits a transaction that it rolls back.
		if (rollback) maker.ledger.refuse(fact);
		else if (answer?.status === 200) maker.ledger.acknowledge(fact);
		else if (isRefusal(answer)) maker.ledger.refuse(fact);
	}
}

type Sent = Awaited<ReturnType<typeof ask>>;

function send(origin: string, maker: EventMaker, facts: readonly Fact[]): Promise<Sent> {
	return ask(`${origin}/append`, {
		body: facts.map((fact) => maker.toEvent(fact)),
		timeoutMs: ANSWER_MS
	});
}

function settle(
	answer: Sent,
	facts: readonly Fact[],
	maker: EventMaker,
	options: { keepUnknown?: boolean } = {}
): void {
	judge(answer, maker);
	if (answer?.status === 200) {
		const appended = answer.body as Appended[];
		facts.forEach((fact, i) => maker.ledger.acknowledge(fact, Number(appended[i]!.id)));
	} else if (isRefusal(answer) && !options.keepUnknown) {
		for (const fact of facts) maker.ledger.refuse(fact);
	}
}

/** Checks the response: whatever happens to Postgres, a writer must get a code that tells it what to do. */
function judge(answer: Sent, { ledger }: EventMaker): void {
	if (!answer || answer.status === 200 || isRefusal(answer)) return;
	const { error } = (answer.body ?? {}) as { error?: { code: string } };
	if (error && PASSING.has(error.code)) return;
	ledger.wrongAnswers.push(`${answer.status} ${JSON.stringify(answer.body)}`);
}

function isRefusal(answer: Sent): boolean {
	const { error } = (answer?.body ?? {}) as { error?: { code: string } };
	return error !== undefined && REFUSALS.has(error.code);
}
