/**
 * Loaded into the built application (`node --import`): lets the benchmark emit from inside it, as a route would, and ask
 * for its memory. The application itself is as it is.
 */
import { memory } from './harness.mjs';
import { message, payload, TOPIC } from './payload.mjs';

const KEY = Symbol.for('logline.app');
let pace;

const random = (count) => Math.floor(Math.random() * count);

/** One event: in a random room, for a random user, or for everyone. */
function event({ rooms, users } = {}) {
	if (rooms) return { topic: `rooms/${random(rooms)}/messages`, data: message() };
	return { topic: TOPIC, data: payload(), ...(users ? { userId: `bench-${random(users)}` } : {}) };
}

function emit(count, to) {
	const events = Array.from({ length: count }, () => event(to));
	globalThis[KEY].logline.append(events).catch((error) => {
		console.error('The benchmark could not append:', error);
		process.exit(1);
	});
}

process.on('message', (asked) => {
	if (asked.type === 'emit') emit(asked.count);
	if (asked.type === 'pace') {
		clearInterval(pace);
		if (asked.everyMs > 0) pace = setInterval(() => emit(1, asked.to), asked.everyMs);
	}
	if (asked.type === 'memory') process.send({ type: 'memory', ...memory() });
});
process.on('disconnect', () => process.exit());
process.channel.unref();
