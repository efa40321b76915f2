/**
 * Attackers in their own process, so that their work does not delay what is measured. They say when they are ready. A message
 * starts them, the next one ends them, and they report the responses. Run by flood.test.ts.
 */
import { Agent, request } from 'node:http';
import { setPriority } from 'node:os';

/** Requests are sent at a fixed rate, whether earlier ones were answered or not: an attacker does not wait. */
export interface Attack {
	url: string;
	perSecond: number;
	/** Names of accounts. Their passwords are guessed in turn, from one network. */
	usernames: string[];
	/** The network of the guesses, as the proxy reports it. */
	network: string;
	/** `cookie` of a user who opens streams, each with a new client name. */
	cookie: string;
}

/** Status → number of responses; 0: no response. */
export type Answers = Record<number, number>;

export interface Attacked {
	logins: Answers;
	opens: Answers;
	seconds: number;
}

/** Above this an attacker has no free sockets. */
const AT_ONCE = 500;
const TICK_MS = 10;

// Real attackers have their own machines, so these processes must not take CPU from the server.
setPriority(19);

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

class Flood {
	readonly answers: Answers = {};
	#sent = 0;
	#open = 0;
	readonly #send: (n: number, answered: (status: number) => void) => void;

	constructor(send: (n: number, answered: (status: number) => void) => void) {
		this.#send = send;
	}

	/** Sends all requests that are due. */
	catchUp(due: number): void {
		for (; this.#sent < due; this.#sent++) {
			if (this.#open >= AT_ONCE) this.#count(0);
			else this.#one();
		}
	}

	#one(): void {
		this.#open++;
		this.#send(this.#sent, (status) => {
			this.#open--;
			this.#count(status);
		});
	}

	#count(status: number): void {
		this.answers[status] = (this.answers[status] ?? 0) + 1;
	}
}

function begin({ url, perSecond, usernames, network, cookie }: Attack): () => Attacked {
	const logins = new Flood((n, answered) => {
		const body = new URLSearchParams({
			username: usernames[n % usernames.length]!,
			password: `guess number ${n}`
		}).toString();
		const headers = {
			'content-type': 'application/x-www-form-urlencoded',
			'content-length': body.length,
			accept: 'text/html',
			'x-forwarded-for': network
		};
		request(`${url}/login`, { method: 'POST', agent, headers }, (response) => {
			response.resume().on('close', () => answered(response.statusCode ?? 0));
		})
			.on('error', () => answered(0))
			.end(body);
	});
	const opens = new Flood((n, answered) => {
		const headers = { cookie, accept: 'text/event-stream', 'x-forwarded-for': network };
		let over = false;
		const asked = request(
			`${url}/api/events?topics=notifications&topics=logs&client=flood-${n}`,
			{ agent, headers },
			(response) => {
				over = true;
				answered(response.statusCode ?? 0);
				// Closes an opened stream at once. A refusal leaves its connection for the next request.
				if (response.statusCode === 200) asked.destroy();
				else response.resume();
			}
		);
		asked.on('error', () => {
			if (!over) answered(0);
		});
		asked.end();
	});
	const started = performance.now();
	const timer = setInterval(() => {
		const due = (perSecond * (performance.now() - started)) / 1000;
		logins.catchUp(due);
		opens.catchUp(due);
	}, TICK_MS);
	return () => {
		clearInterval(timer);
		agent.destroy();
		const seconds = (performance.now() - started) / 1000;
		return { logins: logins.answers, opens: opens.answers, seconds };
	};
}

let end: (() => Attacked) | null = null;
// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));
process.on('message', (attack: Attack) => {
	if (end) process.send?.(end());
	else end = begin(attack);
});
process.send?.('ready');
