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
import { runChecker, type Run } from './program.ts';
import { Random } from './random.ts';
import { Readers } from './readers.ts';
import { isClean, report } from './report.ts';
import { lastWords, settle } from './settle.ts';
import { SETTLE_MS, within } from './timing.ts';
import { World } from './world.ts';
import { Writers } from './writers.ts';

const world = new World();

async function check(run: Run): Promise<boolean> {
	const { seed, durationMs, only, tell, deed } = run;
	const random = new Random(seed);
	const ledger = new Ledger();
	const findings = noFindings();
	await sweepServers();
	const [Client] = await Promise.all([loadClient(), world.open(random.fork('world'), run)]);
	const writers = new Writers(world, random.fork('writers'), ledger);
	const readers = new Readers(world, random.fork('readers'), Client);
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
		deeds: run.deeds,
		starts: sum((app) => app.starts),
		startsFailed: sum((app) => app.startsFailed)
	};
	console.log(report(work, findings));
	if (!isClean(findings) || run.verbose) for (const app of world.apps) console.log(app.output);
	return isClean(findings);
}

runChecker(check, () => world.close());
