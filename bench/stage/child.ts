import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A child process with a message channel. The caller must call `stop()`. */
export class Child {
	readonly #process: ChildProcess;
	readonly #exited: Promise<unknown>;
	readonly #name: string;
	#output = '';

	/**
	 * @param options.argv options of Node
	 * @param options.env the complete environment
	 */
	constructor(
		name: string,
		file: string,
		options: { argv?: string[]; env?: NodeJS.ProcessEnv; cwd?: string } = {}
	) {
		this.#name = name;
		this.#process = fork(file, {
			execArgv: options.argv ?? [],
			env: options.env ?? process.env,
			cwd: options.cwd,
			stdio: ['ignore', 'pipe', 'pipe', 'ipc']
		});
		for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
			stream.setEncoding('utf8').on('data', (text: string) => {
				this.#output = (this.#output + text).slice(-8192);
			});
		}
		this.#exited = once(this.#process, 'exit');
	}

	get pid(): number {
		return this.#process.pid!;
	}

	get runs(): boolean {
		return this.#process.exitCode === null && this.#process.signalCode === null;
	}

	send(message: object): void {
		if (this.runs) this.#process.send(message);
	}

	on(listener: (message: unknown) => void): void {
		this.#process.on('message', listener);
	}

	/**
	 * Returns the next message that `wanted` accepts.
	 *
	 * @throws Error with the output of the process, when it ends before
	 */
	receive<T>(wanted: (message: T) => boolean): Promise<T> {
		return new Promise((resolve, reject) => {
			const stop = () => {
				this.#process.off('message', take);
				this.#process.off('exit', fail);
			};
			const take = (message: T) => {
				if (!wanted(message)) return;
				stop();
				resolve(message);
			};
			const fail = () => {
				stop();
				reject(new Error(`${this.#name} has ended. It wrote:\n${this.#output}`));
			};
			this.#process.on('message', take);
			this.#process.on('exit', fail);
			if (!this.runs) fail();
		});
	}

	/** Asks it to end, and kills it after a few seconds. */
	async stop(): Promise<void> {
		if (!this.runs) return;
		this.#process.kill('SIGTERM');
		const insist = setTimeout(() => this.#process.kill('SIGKILL'), 8000);
		await this.#exited;
		clearTimeout(insist);
	}
}
