/**
 * The oracle for topics that depend on grants. It gives and takes back grants, writes, kills and cuts at random for a while.
 * Then it holds what each client saw against the log, `grant_history` and the declarations. The exit code is 1 if anything
 * was lost, doubled, out of order or shown to somebody who could not see it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { sweepServers } from '../../support/private-server.ts';
import { until } from '../../support/until.ts';
import { audit, readLog } from '../audit.ts';
import { Injector } from '../injector.ts';
import { Ledger } from '../ledger.ts';
import { runChecker, type Run } from '../program.ts';
import { Random } from '../random.ts';
import { isClean } from '../report.ts';
import { SETTLE_MS, within } from '../timing.ts';
import { Writers } from '../writers.ts';
import { auditGains, auditGrants, auditProbes, readRoomLog } from './audit.ts';
import { ClientAudit } from './audit-client.ts';
import { RoomClients } from './clients.ts';
import { roomFaults } from './faults.ts';
import { noRoomFindings } from './findings.ts';
import { changeGrants, Gifts } from './granter.ts';
import { Heads } from './heads.ts';
import { PLACES } from './places.ts';
import { probe, probeGain, type Probe } from './prober.ts';
import { report } from './report.ts';
import { RoomsWorld } from './world.ts';

/** How many change grants, and how many probe, at the same time; and their longest pause in milliseconds. */
const GRANTERS = { count: 2, pauseMs: 500 };
const PROBERS = { count: 3, pauseMs: 250 };

const WRITERS = {
	crews: { append: 2, keyed: 1, transaction: 1, sql: 2 },
	pauseMs: 350,
	topics: PLACES.map(({ topic }) => [1, topic] as const)
};

let world: RoomsWorld | null = null;

async function check(run: Run): Promise<boolean> {
	const { seed, durationMs, only, tell, deed } = run;
	const random = new Random(seed);
	const ledger = new Ledger();
	const findings = noRoomFindings();

	await sweepServers();
	const { sql, users, origin } = await open(random);
	const heads = new Heads(sql);
	const gifts = new Gifts();
	const probes: Probe[] = [];
	const gains: Probe[] = [];
	const writers = new Writers(world!, random.fork('writers'), ledger, WRITERS);
	const clients = await RoomClients.create(world!, random.fork('clients'), heads);
	const dice = random.fork('injector');
	const injector = new Injector(roomFaults({ world: world!, random: dice, deed }), dice, {
		only,
		tell
	});
	const over = new AbortController();
	/** Repeats work until the end, with pauses. */
	const crew = (
		name: string,
		{ count, pauseMs }: typeof GRANTERS,
		work: (own: Random) => Promise<void>
	) =>
		Array.from({ length: count }, async (_, i) => {
			const own = random.fork(`${name}${i}`);
			while (!over.signal.aborted) {
				await work(own);
				await pause(own.between(0, pauseMs));
			}
		});

	tell('begin');
	heads.start();
	writers.start();
	clients.start();
	const ids = users.map(({ id }) => id);
	const working = Promise.all([
		...crew('granter', GRANTERS, (own) =>
			changeGrants({ sql, random: own, users: ids, gifts, deed })
		),
		...crew('prober', PROBERS, (own) => {
			const parts = { sql, random: own, users: ids, gifts, ledger, origin, probes, gains };
			return own.chance(0.5) ? probe(parts) : probeGain(parts);
		})
	]);
	working.catch(() => {});
	injector.start();
	await Promise.race([pause(durationMs), working]);
	tell('no more faults');
	try {
		await within(SETTLE_MS, 'the faults are mended', injector.stop());
		over.abort();
		clients.settle();
		await world!.heal();
		await within(SETTLE_MS, 'the writers have ended', Promise.all([writers.stop(), working]));
		await atRest(sql);
		await clients.caughtUp(sql, ledger, SETTLE_MS);
	} catch (error) {
		findings['did not settle'].push(error instanceof Error ? error.message : String(error));
	}
	tell('audit');
	clients.stop();
	await heads.stop();
	audit(await readLog(sql, { lost: [], lostFromOutbox: new Set() }), ledger, [], findings);
	const log = await readRoomLog(sql, heads, probes);
	for (const { journal } of clients.all) new ClientAudit(log, journal, findings).run();
	auditProbes(log, probes, findings);
	auditGains(log, gains, findings);
	await auditGrants(sql, findings);
	for (const app of world!.apps) findings['process failed'].push(...app.failures);
	const journals = clients.all.map(({ journal }) => journal);
	const work = {
		seed,
		seconds: durationMs / 1000,
		ledger,
		journals,
		probes,
		gains,
		faults: injector.counts,
		deeds: run.deeds
	};
	console.log(report(work, findings));
	if (!isClean(findings) || run.verbose) for (const app of world!.apps) console.log(app.output);
	return isClean(findings);
}

async function open(random: Random): Promise<RoomsWorld> {
	world = new RoomsWorld(random.fork('world'));
	await world.open();
	return world;
}

/** Resolves when every change of grants and every event of the outbox is in the log. */
const atRest = (sql: RoomsWorld['sql']) =>
	until(
		async () => {
			const [row] = await sql<{ waiting: number }[]>`
				select (select count(*) from outbox)::int + (select count(*) from grant_losses)::int as waiting`;
			return row!.waiting === 0;
		},
		{ what: 'outbox and losses are empty', timeoutMs: SETTLE_MS, everyMs: 50 }
	);

runChecker(check, () => world?.close() ?? Promise.resolve());
