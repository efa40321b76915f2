import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { bundled } from '../support/bundled-program.ts';

/** A server in a process of its own. */
export class RoomServer {
	readonly #url: string;
	#child: ChildProcess | null = null;
	#port = 0;

	private constructor(url: string) {
		this.#url = url;
	}

	/** @param url the database */
	static async start(url: string): Promise<RoomServer> {
		const server = new RoomServer(url);
		await server.restart();
		return server;
	}

	get runs(): boolean {
		return this.#child !== null;
	}

	/** Returns the address of the stream with the given query. */
	stream(query: string): string {
		return `http://127.0.0.1:${this.#port}/api/events?${query}`;
	}

	async restart(): Promise<void> {
		await this.kill9();
		const program = await bundled('tests/presence/room-process.ts');
		const child = spawn(process.execPath, [program], {
			env: { ...process.env, DATABASE_URL: this.#url, VITEST: undefined },
			stdio: ['ignore', 'ignore', 'inherit', 'ipc']
		});
		this.#child = child;
		const [port] = (await Promise.race([
			once(child, 'message'),
			once(child, 'exit').then(() => {
				throw new Error('the server has ended while it started');
			})
		])) as [number];
		this.#port = port;
	}

	send(message: string): void {
		this.#child?.send(message);
	}

	async kill9(): Promise<void> {
		const child = this.#child;
		this.#child = null;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const exited = once(child, 'exit');
		child.kill('SIGKILL');
		await exited;
	}

	suspend(): void {
		this.#child?.kill('SIGSTOP');
	}

	resume(): void {
		this.#child?.kill('SIGCONT');
	}
}
