/**
 * Injects random faults for a while, and then compares the log with the events that every client's handlers received. The
 * exit code is 1 if anything was lost, doubled, out of order or otherwise wrong.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sweepServers } from '../support/private-server.ts';
import { audit, noFindings, readLog } from './audit.ts';
import { loadClient } from './client-bundle.ts';
import { Injector } from './injector.ts';
import { allFaults } from './kinds/all.ts';
import { Ledger } from './ledger.ts';
import { readOptions, USAGE, type Options } from './options.ts';
import { Random } from './random.ts';
import { Readers } from './readers.ts';
import { isClean, report } from './report.ts';
import { lastWords, settle } from './settle.ts';
import { SETTLE_MS, within } from './timing.ts';
import { World } from './world.ts';
import { Writers } from './writers.ts';

const world = new World();
let closing: Promise<void> | null = null;
const close = () => (closing ??= world.close());

async function check({ seed, durationMs, only, verbose, ...how }: Options): Promise<boolean> {
	const random = new Random(seed);
	const ledger = new Ledger();
	const findings = noFindings();
	const started = performance.now();
	const tell = (line: string) => {
		if (verbose) console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`);
	};
	await sweepServers();
	const [Client] = await Promise.all([loadClient(), world.open(random.fork('world'), how)]);
	const writers = new Writers(world, random.fork('writers'), ledger);
	const readers = new Readers(world, random.fork('readers'), Client);
	const deeds = new Map<string, number>();
	const deed = (what: string, count = 1) => void deeds.set(what, (deeds.get(what) ?? 0) + count);
	const dice = random.fork('injector');
	const stage = { world, random: dice, writers, readers, ledger, findings, deed };
	const injector = new Injector(allFaults(stage), dice, { only, tell });

	tell('begin');
	writers.start();
	readers.start();
	injector.start();
	await pause(durationMs);
	tell('no more faults');
	try {
		await within(SETTLE_MS, 'the faults are mended', injector.stop());
		// Writers first: they need a working application to learn the outcome of their attempts.
		const stopped = writers.stop();
		await settle(world, readers, stopped);
		tell('settled');
		await lastWords(world, readers, ledger);
	} catch (error) {
		findings['did not settle'].push(error instanceof Error ? error.message : String(error));
	}
	readers.stop();
	tell('audit');
	const journals = readers.all.map(({ journal }) => journal);
	audit(await world.insist((sql) => readLog(sql, world)), ledger, journals, findings);
	for (const app of world.apps) findings['process failed'].push(...app.failures);

	const sum = (count: (app: (typeof world.apps)[number]) => number) =>
		world.apps.reduce((total, app) => total + count(app), 0);
	const work = {
		seed,
		seconds: durationMs / 1000,
		ledger,
		journals,
		faults: injector.counts,
		deeds,
		starts: sum((app) => app.starts),
		startsFailed: sum((app) => app.startsFailed)
	};
	console.log(report(work, findings));
	if (!isClean(findings) || verbose) for (const app of world.apps) console.log(app.output);
	return isClean(findings);
}

async function main(): Promise<number> {
	let options: Options;
	try {
		options = readOptions(process.argv.slice(2));
	} catch (error) {
		console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
		return 2;
	}
	console.log(`seed ${options.seed}, ${options.durationMs / 1000} s`);
	try {
		return (await check(options)) ? 0 : 1;
	} finally {
		await close();
	}
}

function end(code: number): void {
	void close().finally(() => process.exit(code));
}

// However it ends, no child process may remain.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(130));
process.once('uncaughtException', (error) => {
	console.error(error);
	end(1);
});
main().then(end, (error: unknown) => {
	console.error(error);
	end(1);
});
