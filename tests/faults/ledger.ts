/** What a writer knows about an event that it tried to write. */
export interface Fact {
	/** Unique. It is part of the event's data. */
	readonly tag: string;
	readonly topic: string;
	/** null: for everyone. */
	readonly userId: string | null;
	readonly key: string | null;
	/** Written in one transaction with a row of `checker_business`. */
	readonly business: boolean;
	/** Put into the outbox but cannot be moved: it must end in `dead_letters`. */
	readonly poison: boolean;
	/**
	 * `acknowledged`: the writer was told that it is committed. `refused`: the writer was told that it is not, or rolled it
	 * back. `unknown`: the writer was told nothing.
	 */
	outcome: 'unknown' | 'acknowledged' | 'refused';
	/** Ids that were returned, if the call returns ids. */
	ids: number[];
}

/** Data of every event that the checker writes. */
export interface Payload {
	tag: string;
	pad?: string | number[];
}

/** Every event that was ever tried. */
export class Ledger {
	readonly facts = new Map<string, Fact>();
	/** Responses that no writer may get, whatever happens to Postgres. */
	readonly wrongAnswers: string[] = [];

	declare(fact: Omit<Fact, 'outcome' | 'ids' | 'poison'> & { poison?: boolean }): Fact {
		const declared: Fact = { poison: false, ...fact, outcome: 'unknown', ids: [] };
		this.facts.set(fact.tag, declared);
		return declared;
	}

	acknowledge(fact: Fact, id: number | null = null): void {
		fact.outcome = 'acknowledged';
		if (id !== null && !fact.ids.includes(id)) fact.ids.push(id);
	}

	/** Does not overwrite an acknowledgement: a keyed event may be tried several times. */
	refuse(fact: Fact): void {
		if (fact.outcome === 'unknown') fact.outcome = 'refused';
	}

	count(outcome: Fact['outcome']): number {
		let count = 0;
		for (const fact of this.facts.values()) if (fact.outcome === outcome) count++;
		return count;
	}
}
