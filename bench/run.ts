/** `npm run bench`: measures Logline beside its alternatives. `--help` shows the options. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { appends } from './measures/appends.ts';
import { catchUp } from './measures/catch-up.ts';
import { doorChecks } from './measures/door-checks.ts';
import { fanOut } from './measures/fan-out.ts';
import { grants } from './measures/grants.ts';
import { hub } from './measures/hub.ts';
import { latency } from './measures/latency.ts';
import { manyTopics } from './measures/many-topics.ts';
import { memory } from './measures/memory.ts';
import { outbox } from './measures/outbox.ts';
import { reconnect } from './measures/reconnect.ts';
import { rooms } from './measures/rooms.ts';
import { signals } from './measures/signals.ts';
import { readConditions } from './report/conditions.ts';
import { writeReport } from './report/report.ts';
import { build } from './stage/logline.ts';
import type { Measure, Row } from './stage/measure.ts';
import { openPostgres } from './stage/postgres.ts';

const MEASURES: readonly Measure[] = [
	appends,
	outbox,
	latency,
	fanOut,
	hub,
	reconnect,
	memory,
	catchUp,
	manyTopics,
	doorChecks,
	grants,
	rooms,
	signals
];

const HELP = `npm run bench -- [options]

  --only <measure>   only this one; may be repeated: ${MEASURES.map(({ name }) => name).join(', ')}
  --rounds <n>       rounds of each measure; their median counts (3)
  --quick            short rounds, one of each: shows that everything runs, nothing to quote
  --no-build         measures build/ as it is

DATABASE_URL: the server to measure on. Unset: a private PostgreSQL, as the app would start it.`;

/** The clients, and what a server needs in addition. */
const DESCRIPTORS = 5_500;

async function main(): Promise<void> {
	const { values } = parseArgs({
		options: {
			only: { type: 'string', multiple: true },
			rounds: { type: 'string', default: '3' },
			quick: { type: 'boolean', default: false },
			'no-build': { type: 'boolean', default: false },
			help: { type: 'boolean', default: false }
		}
	});
	if (values.help) {
		console.log(HELP);
		return;
	}
	const measures = choose(values.only ?? []);
	const rounds = values.quick ? 1 : Number(values.rounds);
	if (!Number.isInteger(rounds) || rounds < 1) {
		throw new Error(`--rounds is a whole number from 1, not "${values.rounds}"`);
	}
	const conditions = await readConditions({ descriptors: DESCRIPTORS });
	await installPeers();
	const postgres = await openPostgres();
	const built = values['no-build']
		? { program: 'build/index.js', remove: async () => {} }
		: await build();
	const rows: Row[] = [];
	try {
		const stage = {
			postgres,
			program: built.program,
			rounds,
			quick: values.quick,
			say: (line: string) => console.log(line)
		};
		for (const measure of measures) rows.push(...(await measure.run(stage)));
		await writeReport({
			conditions: { ...conditions, ...(await postgres.describe()), rounds, quick: values.quick },
			rows,
			complete: measures.length === MEASURES.length
		});
	} finally {
		await built.remove();
		await postgres.close();
	}
}

function choose(names: readonly string[]): readonly Measure[] {
	if (names.length === 0) return MEASURES;
	return names.map((name) => {
		const measure = MEASURES.find((one) => one.name === name);
		if (!measure) {
			const all = MEASURES.map((one) => one.name).join(', ');
			throw new Error(`There is no measure "${name}". Measures: ${all}.`);
		}
		return measure;
	});
}

async function installPeers(): Promise<void> {
	if (existsSync('bench/node_modules/.package-lock.json')) return;
	console.log('Installing what we compare with: npm ci --prefix bench');
	const child = spawn('npm', ['ci', '--prefix', 'bench', '--ignore-scripts'], {
		stdio: ['ignore', 'ignore', 'inherit']
	});
	const [code] = (await once(child, 'close')) as [number | null];
	if (code !== 0) throw new Error('The peers could not be installed; see above.');
}

main().then(
	() => process.exit(0),
	(error: unknown) => {
		console.error(error instanceof Error ? error.message : error);
		process.exit(1);
	}
);
