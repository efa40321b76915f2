/** Clients in Node with the interface of the standard EventSource. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent as HttpAgent } from 'node:http';
import { createInterface } from 'node:readline';
import { EventSource } from 'eventsource';
import EventSource2 from 'eventsource-2';
import { EventSource as ExtendedEventSource } from 'extended-eventsource';
import launchDarkly from 'launchdarkly-eventsource';
import { Agent, EventSource as UndiciEventSource } from 'undici';
import type { Close, ForeignClient, Open, Taken } from './client.ts';
import { again } from './again.ts';

const CLOSED = 2;

/** Listens as to any EventSource. */
function listen(source: PlainSource, topics: string[], ...[take, over]: Callbacks): Close {
	for (const topic of topics) {
		source.addEventListener(topic, (event) =>
			take({ id: event.lastEventId, topic, data: event.data })
		);
	}
	source.onerror = () => {
		if (source.readyState === CLOSED) over();
	};
	return () => source.close();
}

type Callbacks = [take: (event: Taken) => void, over: () => void];

const eventsource: Open = ({ url, topics, headers }, ...callbacks) => {
	const source = new EventSource(url, {
		fetch: (address, init) => fetch(address, { ...init, headers: { ...init.headers, ...headers } })
	});
	return listen(source as unknown as PlainSource, topics, ...callbacks);
};

const eventsource2: Open = ({ url, topics, headers }, ...callbacks) =>
	listen(new EventSource2(url, { headers: { ...headers } }), topics, ...callbacks);

/** With its own agent: the default agent reports five silent seconds, which this library treats as an error. */
const launchdarkly: Open = ({ url, topics, headers }, ...callbacks) => {
	const source = new launchDarkly.EventSource(url, { headers, agent: new HttpAgent() });
	return listen(source, topics, ...callbacks);
};

const extended: Open = ({ url, topics, headers }, ...callbacks) => {
	const source = new ExtendedEventSource(url, { headers, disableLogger: true });
	return listen(source as unknown as PlainSource, topics, ...callbacks);
};

/** It accepts no headers, but a dispatcher can add them. */
const undici: Open = ({ url, topics, headers }, ...callbacks) => {
	const agent = new Agent();
	const dispatcher = agent.compose(
		(dispatch) => (options, handler) =>
			dispatch({ ...options, headers: { ...(options.headers as object), ...headers } }, handler)
	);
	const source = new UndiciEventSource(url, { node: { dispatcher } });
	const close = listen(source as unknown as PlainSource, topics, ...callbacks);
	return () => {
		close();
		return agent.destroy();
	};
};

/** Needs a flag of Node, so it runs in its own process. It accepts no headers, but uses undici's global dispatcher. */
const PROGRAM = `
	import { Agent, setGlobalDispatcher } from 'undici';
	const { url, topics, headers } = JSON.parse(process.argv[1]);
	setGlobalDispatcher(new Agent().compose((dispatch) => (options, handler) =>
		dispatch({ ...options, headers: { ...options.headers, ...headers } }, handler)));
	const tell = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
	const source = new EventSource(url);
	for (const topic of topics) {
		source.addEventListener(topic, ({ lastEventId, data }) => tell({ id: lastEventId, topic, data }));
	}
	source.onerror = () => {
		if (source.readyState !== EventSource.CLOSED) return;
		tell('over');
		process.exit();
	};
	setInterval(() => {}, 1e6);`;

const nodes: Open = (reading, take, over) => {
	const child = spawn(
		process.execPath,
		[
			'--experimental-eventsource',
			'--input-type=module',
			'-e',
			PROGRAM,
			'--',
			JSON.stringify(reading)
		],
		{ stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1' } }
	);
	createInterface({ input: child.stdout }).on('line', (line) => {
		const told = JSON.parse(line) as Taken | 'over';
		if (told === 'over') over();
		else take(told);
	});
	const exited = once(child, 'exit');
	return () => {
		child.kill('SIGKILL');
		return exited;
	};
};

export const eventSources: ForeignClient[] = [
	{
		name: '`eventsource`',
		package: 'eventsource',
		where: 'Node',
		plain: eventsource,
		safe: again(eventsource)
	},
	{
		name: '`eventsource` 2',
		package: 'eventsource-2',
		where: 'Node',
		plain: eventsource2,
		headers: true
	},
	{
		name: '`launchdarkly-eventsource`',
		package: 'launchdarkly-eventsource',
		where: 'Node',
		plain: launchdarkly
	},
	{
		name: '`undici`',
		package: 'undici',
		where: 'Node',
		plain: undici,
		safe: again(undici)
	},
	{
		name: 'Node’s own `EventSource`',
		package: null,
		where: 'Node',
		plain: nodes,
		safe: again(nodes)
	},
	{
		name: '`extended-eventsource`',
		package: 'extended-eventsource',
		where: 'Node',
		plain: extended,
		safe: again(extended),
		headers: true
	}
];
