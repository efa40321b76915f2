import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../src/embedded-postgres/cluster.ts';
import { bundled } from '../support/bundled-program.ts';
import { until } from '../support/until.ts';
import { ask } from './http.ts';
import { GRACE_MS, within } from './timing.ts';

/** One application process. It is started again whenever it has ended. */
export class AppProcess {
	readonly port: number;
	/** Failures of the process: it ended by itself, or did not end on request. */
	readonly failures: string[] = [];
	/** Starts that failed because the database was away. */
	startsFailed = 0;
	starts = 0;
	/** True while a fault runs that must be over before the next one. */
	busy = false;
	/** The last part of its output. */
	output = '';
	readonly #url: string;
	#child: ChildProcess | null = null;
	#exited: Promise<unknown> = Promise.resolve();
	#expectEnd = false;
	#stopped = false;
	#ready: Promise<void> = Promise.resolve();

	private constructor(port: number, url: string) {
		this.port = port;
		this.#url = url;
	}

	/** @param url database */
	static async start(url: string): Promise<AppProcess> {
		const app = new AppProcess(await freePort(), url);
		await app.restart();
		return app;
	}

	/** Starts it, with as many attempts as needed. */
	restart(): Promise<void> {
		this.#ready = this.#start();
		return this.#ready;
	}

	/** A topic that only this start of it declares. */
	get ownTopic(): string {
		return `started-${this.port}-${this.starts}`;
	}

	async kill9(): Promise<void> {
		await this.#end('SIGKILL');
	}

	/** Asks it to end. If it has not ended after its grace period, it is killed, and that is a failure. */
	async terminate(): Promise<void> {
		this.#expectEnd = true;
		this.#child?.kill('SIGTERM');
		const late = pause(GRACE_MS + 2000, 'late' as const);
		if ((await Promise.race([this.#exited, late])) === 'late') {
			this.failures.push('did not end within its grace after SIGTERM');
			await this.#end('SIGKILL');
		}
	}

	suspend(): void {
		this.#child?.kill('SIGSTOP');
	}

	resume(): void {
		this.#child?.kill('SIGCONT');
	}

	/** Resolves when it serves and has read the log. */
	async healthy(timeoutMs: number): Promise<void> {
		await within(timeoutMs, `the application on port ${this.port} has started`, this.#ready);
		await until(
			async () => {
				const url = `http://127.0.0.1:${this.port}/health`;
				const answer = await ask(url, { timeoutMs: 1000 });
				return (answer?.body as { status?: string } | null)?.status === 'ok';
			},
			{ what: `the application on port ${this.port} is well`, timeoutMs, everyMs: 50 }
		);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#end('SIGKILL');
		await this.#ready;
	}

	async #end(signal: NodeJS.Signals): Promise<void> {
		this.#expectEnd = true;
		this.#child?.kill(signal);
		await this.#exited;
	}

	async #start(): Promise<void> {
		while (!this.#stopped) {
			this.starts++;
			if (await this.#attempt()) return;
			this.startsFailed++;
			await pause(200);
		}
	}

	/** @returns true when it serves */
	async #attempt(): Promise<boolean> {
		this.#expectEnd = false;
		const child = spawn(process.execPath, [await bundled('tests/faults/app-process.ts')], {
			env: {
				...process.env,
				DATABASE_URL: this.#url,
				PORT: String(this.port),
				OWN_TOPIC: this.ownTopic,
				VITEST: undefined
			},
			stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
			// Not in our process group: the checker itself must pass on a Ctrl-C.
			detached: true
		});
		this.#child = child;
		for (const stream of [child.stdout, child.stderr]) {
			stream?.setEncoding('utf8').on('data', (text: string) => {
				this.output = (this.output + text).slice(-8000);
			});
		}
		this.#exited = once(child, 'exit');
		const serves = await Promise.race([
			once(child, 'message').then(() => true),
			this.#exited.then(() => false)
		]);
		if (serves) child.once('exit', (code, signal) => this.#ended(child, code, signal));
		return serves;
	}

	#ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
		if (this.#expectEnd || this.#child !== child) return;
		this.failures.push(
			`ended by itself (${signal ?? `exit ${code}`}):\n${this.output.slice(-2000)}`
		);
		if (!this.#stopped) void this.restart();
	}
}
