import type { Proxy } from '../support/proxy.ts';
import type { AppProcess } from './apps.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';
import type { Writers } from './writers.ts';

/** Faults that may be under way at the same time. */
const AT_ONCE = 3;

/** Connections of an application, by name. */
const BACKENDS = [
	'listener',
	'writer',
	'relay',
	'tailer',
	'history',
	'streams',
	'app',
	'app drizzle'
];

/** What it is called, and how it is done: resolves when it is over and mended. */
type Fault = readonly [kind: string, inject: () => Promise<void>];
type Weighted = readonly [weight: number, fault: Fault];

/**
 * For how long the same few kinds of fault go on, in milliseconds: one that mends what another has broken must not always be
 * near.
 */
const ERA_MS = [5000, 20_000] as const;

/** Breaks things at random until it is told to stop; what it has broken for a while it mends. */
export class Injector {
	/** Kind of fault → how often. */
	readonly counts = new Map<string, number>();
	readonly #world: World;
	readonly #random: Random;
	readonly #writers: Writers;
	readonly #tell: (line: string) => void;
	readonly #underWay = new Set<Promise<void>>();
	#stopped = false;
	#wake: () => void = () => {};
	#running: Promise<void> = Promise.resolve();
	#databaseIsDown = false;
	#held = 0;
	#era: readonly Weighted[] = [];
	#eraEnds = 0;
	readonly #only: string;

	/**
	 * @param options.only part of the names of the kinds to choose from
	 * @param options.tell told each fault
	 */
	constructor(
		world: World,
		random: Random,
		writers: Writers,
		options: { only: string; tell: (line: string) => void }
	) {
		this.#world = world;
		this.#random = random;
		this.#writers = writers;
		this.#only = options.only;
		this.#tell = options.tell;
	}

	start(): void {
		this.#running = this.#run();
	}

	/** No fault begins any more; resolves when those under way are mended. */
	async stop(): Promise<void> {
		this.#stopped = true;
		this.#wake();
		await this.#running;
		await Promise.all(this.#underWay);
	}

	async #run(): Promise<void> {
		while (!this.#stopped) {
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, this.#random.between(100, 1200));
				this.#wake = () => {
					clearTimeout(timer);
					resolve();
				};
			});
			if (this.#stopped || this.#underWay.size >= AT_ONCE) continue;
			const [kind, inject] = this.#choose();
			this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
			this.#tell(kind);
			const fault: Promise<void> = inject().finally(() => this.#underWay.delete(fault));
			this.#underWay.add(fault);
		}
	}

	#choose(): Fault {
		if (performance.now() >= this.#eraEnds) {
			this.#eraEnds = performance.now() + this.#random.between(...ERA_MS);
			const all = this.#faults();
			const some = all.filter(() => this.#random.chance(0.4));
			this.#era = some.length > 0 ? some : all;
		}
		return this.#random.weighted(this.#era);
	}

	/** Every fault there is, with its weight. */
	#faults(): Weighted[] {
		const { databaseProxy, clientProxy } = this.#world;
		const all: Weighted[] = [
			[6, ['kill -9 an application', () => this.#app((app) => this.#kill(app))]],
			[4, ['SIGTERM an application', () => this.#app((app) => this.#terminate(app))]],
			[4, ['SIGSTOP an application', () => this.#app((app) => this.#suspend(app))]],
			[10, ['terminate one backend', () => this.#terminateBackends(false)]],
			[2, ['terminate all backends', () => this.#terminateBackends(true)]],
			[2, ['kill -9 Postgres', () => this.#killDatabase()]],
			[3, ['hold a transaction open', () => this.#hold()]],
			...this.#faultsOf('database', databaseProxy),
			...this.#faultsOf('clients', clientProxy)
		];
		const wanted = all.filter(([, [kind]]) => kind.includes(this.#only));
		if (wanted.length === 0) throw new Error(`No fault is called "${this.#only}"`);
		return wanted;
	}

	#faultsOf(what: string, proxy: Proxy): Weighted[] {
		const now = (act: () => void) => () => {
			act();
			return Promise.resolve();
		};
		const during = (begin: () => void, end: () => void) => async () => {
			begin();
			await pause(this.#random.between(300, 4000));
			end();
		};
		return [
			[4, [`cut the ${what}`, now(() => proxy.cut())]],
			[
				6,
				[`cut the ${what} at a byte`, now(() => proxy.cutAfter(this.#random.between(1, 60_000)))]
			],
			[
				2,
				[
					`pause the ${what}`,
					during(
						() => proxy.pause(),
						() => proxy.resume()
					)
				]
			],
			[
				2,
				[
					`refuse the ${what}`,
					during(
						() => proxy.refuse(true),
						() => proxy.refuse(false)
					)
				]
			],
			[
				2,
				[
					`silence the ${what}`,
					during(() => proxy.halfOpen(), what === 'clients' ? () => proxy.cut() : () => {})
				]
			]
		];
	}

	/** On an application that nothing else is being done to. */
	async #app(act: (app: AppProcess) => Promise<void>): Promise<void> {
		const free = this.#world.apps.filter((app) => !app.busy);
		if (free.length === 0) return;
		const app = this.#random.pick(free);
		app.busy = true;
		try {
			await act(app);
		} finally {
			app.busy = false;
		}
	}

	async #kill(app: AppProcess): Promise<void> {
		await app.kill9();
		await pause(this.#random.between(0, 1500));
		await app.restart();
	}

	async #terminate(app: AppProcess): Promise<void> {
		await app.terminate();
		await pause(this.#random.between(0, 1500));
		await app.restart();
	}

	async #suspend(app: AppProcess): Promise<void> {
		app.suspend();
		await pause(this.#random.between(1000, 4000));
		app.resume();
	}

	async #terminateBackends(all: boolean): Promise<void> {
		const name = all ? null : `logline ${this.#random.pick(BACKENDS)}`;
		await terminateBackends(this.#world, name);
	}

	async #killDatabase(): Promise<void> {
		if (this.#databaseIsDown) return;
		this.#databaseIsDown = true;
		await this.#world.server.kill9();
		await pause(this.#random.between(0, 2000));
		await this.#world.server.start();
		this.#databaseIsDown = false;
	}

	async #hold(): Promise<void> {
		const writer = this.#writers.sqlWriter(`held${++this.#held}`);
		await writer.hold(this.#random.between(2000, 5000));
		await writer.end();
	}
}

/**
 * Ends connections to Postgres of the given name; null: everybody's but the checker's own. Does nothing where Postgres is
 * away: then there are none.
 */
export async function terminateBackends(world: World, name: string | null): Promise<void> {
	try {
		await world.admin(
			(sql) => sql`
				select pg_terminate_backend(pid) from pg_stat_activity
				where pid <> pg_backend_pid() and datname = current_database()
					and (application_name = ${name} or ${name}::text is null)`
		);
	} catch (error) {
		const { code } = error as { code?: unknown };
		if (typeof code !== 'string' || !/^(CONNECTION_|ECONN|57P0)/.test(code)) throw error;
	}
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
