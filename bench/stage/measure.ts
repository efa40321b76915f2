import type { Postgres } from './postgres.ts';
import { summarize, type Summary } from './statistics.ts';

/** What a measure uses. */
export interface Stage {
	postgres: Postgres;
	/** Program of the production build. */
	program: string;
	rounds: number;
	/** Shorter rounds, to check that everything runs. Do not quote the figures. */
	quick: boolean;
	/** Prints what is being done. */
	say(line: string): void;
}

/** One measure, run for all contestants. */
export interface Measure {
	/** The name for `--only`. */
	name: string;
	run(stage: Stage): Promise<Row[]>;
}

/** A row of the table. */
export interface Row {
	measure: string;
	title: string;
	unit: string;
	better: 'higher' | 'lower';
	ours: Summary;
	others: Other[];
	target: Target | null;
	/** What a reader must know about the figures. */
	note?: string;
	/** True: shown in the picture. */
	picture?: boolean;
}

/** A peer, or the limit: the best that the machine can do. */
export interface Other extends Summary {
	name: string;
	role: 'peer' | 'limit';
	/** Ours divided by theirs. Above 1 means more, whether that is better or not. */
	ratio: number;
}

export interface Target {
	text: string;
	met: boolean;
}

/** Figures of one round, by name. */
export type Figures = Record<string, number>;

/** One system under comparison. */
export interface Contestant {
	name: string;
	role: 'ours' | 'peer' | 'limit';
	round(): Promise<Figures>;
}

/** Runs all contestants in turn in every round, so that other load on the machine affects all of them. */
export async function interleave(
	stage: Stage,
	contestants: readonly Contestant[]
): Promise<Results> {
	const results = new Results(contestants);
	for (let round = 1; round <= stage.rounds; round++) {
		for (const contestant of contestants) {
			const figures = await contestant.round();
			results.add(contestant.name, figures);
			stage.say(`  round ${round}, ${contestant.name}: ${describe(figures)}`);
		}
	}
	return results;
}

/** The rounds of all contestants. */
export class Results {
	readonly #contestants: readonly Contestant[];
	readonly #rounds = new Map<string, Figures[]>();

	constructor(contestants: readonly Contestant[]) {
		this.#contestants = contestants;
	}

	add(name: string, figures: Figures): void {
		this.#rounds.set(name, [...(this.#rounds.get(name) ?? []), figures]);
	}

	/** Creates a row for one figure. Contestants without this figure are left out. */
	row(
		head: Pick<Row, 'measure' | 'title' | 'unit' | 'better'> &
			Partial<Pick<Row, 'note' | 'picture'>>,
		figure: string,
		target?: (to: (name: string) => number, ours: Summary) => Target
	): Row {
		const ours = this.#contestants.find(({ role }) => role === 'ours');
		if (!ours) throw new Error('Nobody of ours took part');
		const summary = this.#summary(ours.name, figure);
		if (!summary) throw new Error(`${ours.name} has no figure "${figure}"`);
		const others: Other[] = [];
		for (const { name, role } of this.#contestants) {
			const theirs = this.#summary(name, figure);
			if (role === 'ours' || !theirs) continue;
			others.push({ name, role, ...theirs, ratio: summary.median / theirs.median });
		}
		const to = (name: string) => others.find((other) => other.name === name)?.ratio ?? NaN;
		return { ...head, ours: summary, others, target: target?.(to, summary) ?? null };
	}

	#summary(name: string, figure: string): Summary | null {
		const values = (this.#rounds.get(name) ?? []).flatMap((figures) => figures[figure] ?? []);
		return values.length === 0 ? null : summarize(values);
	}
}

function describe(figures: Figures): string {
	return Object.entries(figures)
		.map(([name, value]) => `${name} ${format(value)}`)
		.join(', ');
}

/** Three significant digits, or the whole number. */
export function format(value: number): string {
	if (!Number.isFinite(value)) return '–';
	if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
	return String(Number(value.toPrecision(3)));
}
