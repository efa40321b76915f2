import { createServer } from 'node:http';
import { createChannel, createSession } from 'better-sse';
import { serve } from './harness.mjs';
import { payload, TOPIC } from './payload.mjs';

const channel = createChannel();
let id = 0;

const server = createServer(async (request, response) => {
	channel.register(await createSession(request, response));
});

serve(server, (count) => {
	for (let i = 0; i < count; i++) {
		channel.broadcast(payload(), TOPIC, { eventId: String(++id) });
	}
});
