/**
 * `npm run check:events`: holds every stored event against the schemas that the features declare now, and names the first of
 * each topic that does not fit.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createRegistry, parseCursor, type TopicDefinition, type TopicRegistry } from 'logline';
import { SoleConnection } from 'logline/postgres';
import { checkEvents, type CheckedEvents } from 'logline/server';
import { runCommand, withDatabase } from './run-command.ts';

const HELP = `npm run check:events                    every stored event
npm run check:events -- --topic orders  one topic, or all topics of a pattern
npm run check:events -- --from 42       begin at this id`;

/** The usual exit code for an invalid command line. */
const USAGE = 2;

/** How often a long check says how far it is, in milliseconds. */
const EVERY_MS = 5000;

runCommand(async () => {
	const registry = await readTopics();
	let wanted: { topic: string | undefined; from: bigint | undefined };
	try {
		wanted = readOptions(registry);
	} catch (error) {
		console.error(`${(error as Error).message}\n\n${HELP}`);
		return USAGE;
	}
	return withDatabase(async (url) => {
		const on = new SoleConnection(url, { name: 'check events', answerMs: 60_000 });
		try {
			let saidAt = performance.now();
			const found = await checkEvents(on, registry, {
				...wanted,
				onPage: (upTo, checked) => {
					if (performance.now() - saidAt < EVERY_MS) return;
					saidAt = performance.now();
					console.error(`${checked} events checked, up to id ${upTo} …`);
				}
			});
			report(found);
			return found.misfits.length > 0 ? 1 : 0;
		} finally {
			await on.end();
		}
	});
});

/** Reads the declarations of all features, as hooks.server.ts does. */
async function readTopics(): Promise<TopicRegistry> {
	const parts: Record<string, Record<string, TopicDefinition>> = {};
	const names = await readdir('src/features', { recursive: true });
	for (const name of names.sort()) {
		if (!/^[^/\\]+[/\\]topics\.ts$/.test(name)) continue;
		const file = join('src/features', name);
		const module = (await import(pathToFileURL(resolve(file)).href)) as {
			topics: Record<string, TopicDefinition>;
		};
		parts[file] = module.topics;
	}
	return createRegistry(parts);
}

/** @throws Error that says what is wrong with the command line */
function readOptions(registry: TopicRegistry) {
	const { values } = parseArgs({
		args: process.argv.slice(2),
		options: { topic: { type: 'string' }, from: { type: 'string' } }
	});
	const { topic } = values;
	if (topic !== undefined && !registry.find(topic) && !registry.keys().includes(topic)) {
		throw new Error(`There is no topic "${topic}". Topics: ${registry.keys().join(', ')}.`);
	}
	const from = values.from === undefined ? undefined : parseCursor(values.from);
	if (from === null) throw new Error('--from is the id of an event, such as 42.');
	return { topic, from };
}

function report({ checked, misfits, undeclared }: CheckedEvents): void {
	for (const { declared, id, topic, path, message, count } of misfits) {
		const of = declared === topic ? '' : ` of "${topic}"`;
		const others = count > 1 ? ` ${count - 1} later ones do not fit either.` : '';
		console.log(
			`${declared}: event ${id}${of} does not fit: ${path && `${path}: `}${message}${others}`
		);
	}
	if (undeclared) {
		const { count, id, topic } = undeclared;
		console.log(
			`${count} events are of topics that nobody declares, the first is ${id} of "${topic}". They are not checked.`
		);
	}
	if (misfits.length === 0) console.log(`${checked} events fit.`);
	else {
		console.log(
			'Let the schema accept what is stored, or give the topic an `upcast` that turns it into today’s shape.'
		);
	}
}
