import type { Inspected } from 'logline/client';
import type { Recorder } from 'logline/inspector';

/** Steps that are kept for an inspector that is not open yet. */
const MOST = 200;

/** Keeps the newest steps of the client. The inspector itself is loaded when it is first opened. */
export class Inspection {
	readonly #early: { step: Inspected; at: number }[] = [];
	#recorder = $state.raw<Recorder | null>(null);

	/** null: it was not opened yet. */
	get recorder(): Recorder | null {
		return this.#recorder;
	}

	take = (step: Inspected): void => {
		if (this.#recorder) return this.#recorder.record(step);
		this.#early.push({ step, at: Date.now() });
		if (this.#early.length > MOST) this.#early.shift();
	};

	/** Loads the inspector, and hands it what has happened so far. */
	open = async () => {
		const { Inspector, Recorder } = await import('logline/inspector');
		if (!this.#recorder) {
			const recorder = new Recorder();
			for (const { step, at } of this.#early.splice(0)) recorder.record(step, at);
			this.#recorder = recorder;
		}
		return { Inspector, recorder: this.#recorder };
	};
}
