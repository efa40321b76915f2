/**
 * Breaks everything at random for a while, and then holds the log against what every client's handlers saw. Ends with 1
 * unless nothing was lost, doubled, out of order or otherwise wrong.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sweepServers } from '../support/private-server.ts';
import { auditReader, auditWriters, noFindings, readLog } from './audit.ts';
import { loadClient } from './client-bundle.ts';
import { Injector } from './injector.ts';
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

async function check({ seed, durationMs, without, only, verbose }: Options): Promise<boolean> {
	const random = new Random(seed);
	const ledger = new Ledger();
	const findings = noFindings();
	const started = performance.now();
	const tell = (line: string) => {
		if (verbose) console.log(`${((performance.now() - started) / 1000).toFixed(1)} s  ${line}`);
	};
	await sweepServers();
	const [Client] = await Promise.all([loadClient(), world.open(random.fork('world'), without)]);
	const writers = new Writers(world, random.fork('writers'), ledger);
	const readers = new Readers(world, random.fork('readers'), Client);
	const injector = new Injector(world, random.fork('injector'), writers, { only, tell });

	tell('begin');
	writers.start();
	readers.start();
	injector.start();
	await pause(durationMs);
	tell('no more faults');
	try {
		await within(SETTLE_MS, 'the faults are mended', injector.stop());
		// Writers first: they need an application that is well to learn the outcome of what they have tried.
		const stopped = writers.stop();
		await settle(world, readers, stopped);
		tell('settled');
		await lastWords(world, readers, ledger);
	} catch (error) {
		findings['did not settle'].push(error instanceof Error ? error.message : String(error));
	}
	readers.stop();
	tell('audit');
	const log = await world.admin(readLog);
	auditWriters(log, ledger, findings);
	for (const { journal } of readers.all) auditReader(log, journal, findings);
	for (const app of world.apps) findings['process failed'].push(...app.failures);

	const sum = (count: (app: (typeof world.apps)[number]) => number) =>
		world.apps.reduce((total, app) => total + count(app), 0);
	const work = {
		seed,
		seconds: durationMs / 1000,
		ledger,
		journals: readers.all.map(({ journal }) => journal),
		faults: injector.counts,
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

// However it ends, nothing of it is left running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end(130));
process.once('uncaughtException', (error) => {
	console.error(error);
	end(1);
});
main().then(end, (error: unknown) => {
	console.error(error);
	end(1);
});
