/**
 * Loaded into the built application (`node --import`): lets the benchmark emit from inside it, as a route would, and ask
 * for its memory. The application itself is as it is.
 */
import { memory } from './harness.mjs';
import { payload, TOPIC } from './payload.mjs';

const KEY = Symbol.for('logline.app');
let pace;

function emit(count) {
	const events = Array.from({ length: count }, () => ({ topic: TOPIC, data: payload() }));
	globalThis[KEY].logline.append(events).catch((error) => {
		console.error('The benchmark could not append:', error);
		process.exit(1);
	});
}

process.on('message', (message) => {
	if (message.type === 'emit') emit(message.count);
	if (message.type === 'pace') {
		clearInterval(pace);
		if (message.everyMs > 0) pace = setInterval(() => emit(1), message.everyMs);
	}
	if (message.type === 'memory') process.send({ type: 'memory', ...memory() });
});
process.on('disconnect', () => process.exit());
process.channel.unref();
