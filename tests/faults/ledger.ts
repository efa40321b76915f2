/** What a writer knows of an event it has tried to write. */
export interface Fact {
	/** Unique; stands in the event's data. */
	readonly tag: string;
	readonly topic: string;
	/** null: for everyone. */
	readonly userId: string | null;
	readonly key: string | null;
	/** Written in one transaction with a row of `checker_business`. */
	readonly business: boolean;
	/**
	 * `acknowledged`: the writer was told that it is durable. `refused`: told that it is not, or rolled back by its writer.
	 * `unknown`: cut off before it was told anything.
	 */
	outcome: 'unknown' | 'acknowledged' | 'refused';
	/** Id it was answered, where the door tells one. */
	id: number | null;
}

/** Data of every event the checker writes. */
export interface Payload {
	tag: string;
	pad?: string;
}

/** Everything that was ever tried to be written. */
export class Ledger {
	readonly facts = new Map<string, Fact>();
	/** Answers that contradict one another: two ids for one key. */
	readonly contradictions: string[] = [];

	declare(fact: Omit<Fact, 'outcome' | 'id'>): Fact {
		const declared: Fact = { ...fact, outcome: 'unknown', id: null };
		this.facts.set(fact.tag, declared);
		return declared;
	}

	acknowledge(fact: Fact, id: number | null = null): void {
		fact.outcome = 'acknowledged';
		if (id !== null && fact.id !== null && fact.id !== id) {
			this.contradictions.push(`${fact.tag} was answered ${fact.id} and ${id}`);
		}
		fact.id ??= id;
	}

	/** Does not overrule an acknowledgement: a keyed event may be tried several times. */
	refuse(fact: Fact): void {
		if (fact.outcome === 'unknown') fact.outcome = 'refused';
	}

	count(outcome: Fact['outcome']): number {
		let count = 0;
		for (const fact of this.facts.values()) if (fact.outcome === outcome) count++;
		return count;
	}
}
