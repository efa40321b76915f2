/** How attackers affect others. The server, the attackers and the users each have their own process. */
import { fork, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type ClientRequest } from 'node:http';
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createPasswords } from '../../src/accounts/passwords.ts';
import { createUser, type TestUser } from '../support/app-server.ts';
import type { BuiltApp } from '../support/built-app.ts';
import { until } from '../support/until.ts';
import { form, PASSWORD } from './account.ts';
import { Stage } from './stage.ts';
import type { Attack, Attacked } from './flood/attackers.ts';
import type { Crowd } from './flood/crowd.ts';

/** LOGLINE_FLOOD=1: 3,000 streams and half a minute per phase, for a machine without other work. */
const FULL = process.env.LOGLINE_FLOOD !== undefined;
const STREAMS = FULL ? 3000 : 300;
const STREAMS_EACH = 10;
/** Guesses per second, and as many streams with new client names. */
const PER_SECOND = 400;
const EVENTS_PER_SECOND = FULL ? 10 : 20;
const EVENTS = FULL ? 300 : 80;
/**
 * Accounts whose passwords are guessed. Their owners sign in meanwhile, from their own network and from the attackers'
 * network.
 */
const OWNERS = 200;
const SIGN_INS = FULL ? 20 : 4;
const ATTACKERS = '203.0.113.9';
const EARLIER_ATTACKERS = '203.0.113.8';

const stage = Stage.forEachTest({ browser: false });
const processes: ChildProcess[] = [];
afterEach(async () => {
	for (const child of processes.splice(0)) {
		const ended = once(child, 'exit');
		child.kill('SIGKILL');
		await ended;
	}
});

/** Runs a program of the folder. */
function run(program: string): ChildProcess {
	const child = fork(`tests/e2e/flood/${program}`, {
		execArgv: ['--import', 'tsx'],
		env: { ...process.env, VITEST: undefined }
	});
	processes.push(child);
	return child;
}

/** Waits for its next message. */
async function hear<Message>(child: ChildProcess): Promise<Message> {
	const said = once(child, 'message');
	const ended = once(child, 'exit').then(() => {
		throw new Error('A process of the test has ended');
	});
	const [message] = (await Promise.race([said, ended])) as [Message];
	return message;
}

/** Sends it a message and waits for the answer. */
function ask<Answer>(child: ChildProcess, message: object): Promise<Answer> {
	const answer = hear<Answer>(child);
	child.send(message);
	return answer;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const numbered = (name: string, count: number) =>
	Array.from({ length: count }, (_, n) => `${name}-${n}`);

/**
 * Creates accounts with a password. Each has been used on a device.
 *
 * @returns the `cookie` of each device
 */
async function createOwners(usernames: string[]): Promise<string[]> {
	const hash = await createPasswords().hash(PASSWORD);
	const tokens = usernames.map(() => randomBytes(16).toString('base64url'));
	await stage.sql`
		with made as (
			insert into users (id, username, password_hash) select name, name, ${hash} from unnest(${usernames}::text[]) as name
			returning id, username
		)
		insert into devices (user_id, device_id) select id, device from made
		join unnest(${usernames}::text[], ${tokens.map(sha256)}::text[]) as t(name, device) on name = username`;
	return tokens.map((token) => `device=${token}`);
}

/**
 * Creates signed-in users.
 *
 * @returns the `cookie` of each
 */
async function createCrowd(usernames: string[]): Promise<string[]> {
	const tokens = usernames.map(() => randomBytes(20).toString('hex'));
	await stage.sql`
		with made as (
			insert into users (id, username, password_hash) select name, name, '' from unnest(${usernames}::text[]) as name
			returning id, username
		)
		insert into sessions (id, user_id, expires_at) select hash, id, now() + interval '30 days' from made
		join unnest(${usernames}::text[], ${tokens.map(sha256)}::text[]) as t(name, hash) on name = username`;
	return tokens.map((token) => `auth_session=${token}`);
}

/** A user with an open page, who records when events arrive. */
class Neighbour {
	/** By the number in the event. */
	readonly arrivals = new Map<number, number>();
	readonly #request: ClientRequest;
	#sent = 0;

	constructor(
		url: string,
		private readonly user: TestUser
	) {
		this.#request = get(`${url}/api/events?topics=notifications`, {
			agent: false,
			headers: { cookie: user.cookie }
		});
		let rest = '';
		this.#request.on('response', (response) => {
			response.setEncoding('utf8').on('data', (text: string) => {
				const lines = (rest + text).split('\n');
				rest = lines.pop()!;
				for (const line of lines) {
					const n = /^data: (\d+)$/.exec(line)?.[1];
					if (n) this.arrivals.set(Number(n), performance.now());
				}
			});
		});
		this.#request.on('error', () => undefined);
	}

	close(): void {
		this.#request.destroy();
	}

	/**
	 * Inserts events at a fixed rate, even if earlier ones have not arrived yet. A test that waited for each event would not
	 * measure the delay of the next ones.
	 *
	 * @returns milliseconds from each INSERT to the arrival, sorted
	 */
	async measure(events: number): Promise<number[]> {
		const begin = performance.now();
		const first = this.#sent;
		const inserted: { at: number; done: Promise<unknown> }[] = [];
		for (; this.#sent < first + events; this.#sent++) {
			const due = begin + ((this.#sent - first) * 1000) / EVENTS_PER_SECOND;
			await pause(Math.max(0, due - performance.now()));
			const at = performance.now();
			const done = stage.sql`insert into events (topic, user_id, data)
				values ('notifications', ${this.user.id}, ${this.#sent})`.execute();
			inserted.push({ at, done });
		}
		await Promise.all(inserted.map(({ done }) => done));
		await until(() => this.arrivals.has(this.#sent - 1), { what: 'the last event has arrived' });
		return inserted.map(({ at }, n) => this.arrivals.get(first + n)! - at).sort((a, b) => a - b);
	}
}

const percentile = (sorted: number[], p: number) =>
	sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))]!;

/** Signs in with the right password, one owner after the other. Returns the status and the duration of each. */
async function signIn(
	app: BuiltApp,
	owners: string[],
	headersOf: (n: number) => Record<string, string>
): Promise<{ statuses: number[]; times: number[] }> {
	const statuses: number[] = [];
	const times: number[] = [];
	for (const [n, username] of owners.entries()) {
		const at = performance.now();
		const response = await fetch(`${app.url}/login`, {
			...form({ username, password: PASSWORD }),
			headers: headersOf(n)
		});
		await response.body?.cancel();
		statuses.push(response.status);
		times.push(performance.now() - at);
		await pause((EVENTS / EVENTS_PER_SECOND / SIGN_INS) * 700);
	}
	return { statuses, times: times.sort((a, b) => a - b) };
}

const describe = (sorted: number[]) => ({
	'p50 ms': Number(percentile(sorted, 50).toFixed(1)),
	'p99 ms': Number(percentile(sorted, 99).toFixed(1)),
	'worst ms': Number(sorted.at(-1)!.toFixed(1))
});

test(
	'guessed passwords and streams under ever new names, hundreds a second: events of others arrive as before, and their owners get in',
	{ timeout: 300_000 },
	async () => {
		const app = await stage.start({
			env: { ADDRESS_HEADER: 'x-forwarded-for', LOG_LEVEL: 'warn' }
		});
		const user = await createUser(stage.databaseUrl, 'neighbour');
		const flooder = await createUser(stage.databaseUrl, 'flooder');
		const owners = numbered('owner', OWNERS);
		const devices = await createOwners(owners);
		const crowd = run('crowd.ts');
		const people = await ask<{ open: number }>(crowd, {
			url: app.url,
			cookies: await createCrowd(numbered('person', STREAMS / STREAMS_EACH)),
			streams: STREAMS_EACH
		} satisfies Crowd);
		expect(people.open).toBe(STREAMS);
		const neighbour = new Neighbour(app.url, user);

		// To start a program takes a second of a processor, which is no part of an attack.
		const attackers = await Promise.all(
			[0, 1].map(async () => {
				const child = run('attackers.ts');
				await hear(child);
				return child;
			})
		);
		const attack = (n: number, network: string, cookie: string): ChildProcess => {
			const what = { url: app.url, perSecond: PER_SECOND, usernames: owners, network, cookie };
			attackers[n]!.send(what satisfies Attack);
			return attackers[n]!;
		};

		// Another attack and the first events warm up both programs, which have just been started.
		const before = attack(0, EARLIER_ATTACKERS, (await createUser(stage.databaseUrl)).cookie);
		await neighbour.measure(3 * EVENTS_PER_SECOND);
		await ask<Attacked>(before, {});
		const idle = await neighbour.measure(EVENTS);

		const attacking = attack(1, ATTACKERS, flooder.cookie);
		const [flooded, elsewhere, known] = await Promise.all([
			neighbour.measure(EVENTS),
			signIn(app, owners.slice(0, SIGN_INS), (n) => ({ 'x-forwarded-for': `198.51.100.${n}` })),
			signIn(app, owners.slice(-SIGN_INS), (n) => ({
				'x-forwarded-for': ATTACKERS,
				cookie: devices.at(n - SIGN_INS)!
			}))
		]);
		const attacked = await ask<Attacked>(attacking, {});
		// The slowest hundredth of a few hundred events is only a few events, so measure twice as many.
		if (FULL) idle.push(...(await neighbour.measure(EVENTS)));
		idle.sort((a, b) => a - b);
		const { open } = await ask<{ open: number }>(crowd, {});
		neighbour.close();
		const [left] = await stage.sql<{ rows: number; markers: number }[]>`
			select (select count(*) from topic_subscriptions t join sessions s on s.id = t.session_id
				where s.user_id = ${flooder.id})::int as rows,
				(select count(*) from events where topic = '$subscribed' and user_id = ${flooder.id})::int as markers`;
		const ratio = percentile(flooded, 99) / percentile(idle, 99);
		if (FULL) {
			console.table({ idle: describe(idle), flood: describe(flooded) });
			console.log(
				`${STREAMS} streams on ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}; p99 ${ratio.toFixed(2)} x of idle`,
				{ ...attacked, ...left },
				'sign-ins elsewhere:',
				{ answers: elsewhere.statuses.join(' '), ...describe(elsewhere.times) },
				'on known devices:',
				{ answers: known.statuses.join(' '), ...describe(known.times) }
			);
		}

		const allIn = Array<number>(SIGN_INS).fill(303);
		expect(elsewhere.statuses, 'right passwords from other networks').toEqual(allIn);
		expect(known.statuses, 'on known devices, from the network of the attack').toEqual(allIn);
		// The guesses of one minute, or of two minutes when the attack crosses a boundary.
		expect(attacked.logins[400] ?? 0, 'guesses that were tried').toBeLessThanOrEqual(20);
		const bursts = 60 + Math.ceil(attacked.seconds) + 1;
		expect(attacked.opens[200] ?? 0, 'streams that were opened').toBeLessThanOrEqual(bursts);
		expect(left!.rows).toBeLessThanOrEqual(2 * 100);
		expect(left!.markers).toBeLessThanOrEqual(bursts);
		expect(open, 'people whose streams are still open').toBe(STREAMS);
		if (FULL) expect(ratio, 'p99 in the flood, by the p99 of idle').toBeLessThan(3);
		// On a busy machine, the slowest hundredth of 80 events is one event, and mostly measures the scheduler.
		else expect(percentile(flooded, 90)).toBeLessThan(3 * percentile(idle, 90) + 250);
	}
);
