/**
 * How long a tab carries only its own names after the server has refused those of others. Each time in a row it is twice as
 * long. Milliseconds.
 */
const ALONE = { least: 10_000, most: 300_000 };

/**
 * Whether a stream of this tab may carry names of other tabs, too, as far as the server has answered. A stream may be refused
 * for any reason. It was because of the others only when the next stream, without them, is accepted.
 */
export class Carriage {
	#isInDoubt = false;
	#alone = 0;
	/** Milliseconds since 1970. */
	#until = 0;

	get isAllowed(): boolean {
		return Date.now() >= this.#until;
	}

	/** A stream has opened. */
	accepted(withOthers: boolean): void {
		if (withOthers) this.#alone = 0;
		else if (this.#isInDoubt) {
			this.#alone = Math.min(ALONE.most, Math.max(ALONE.least, this.#alone * 2));
			this.#until = Date.now() + this.#alone;
		}
		this.#isInDoubt = false;
	}

	/** A stream with names of others was refused. */
	refused(): void {
		this.#isInDoubt = true;
	}

	/** A stream is lost, or did not open. If it was alone, the others were not the reason. */
	lost(): void {
		this.#isInDoubt = false;
	}
}
