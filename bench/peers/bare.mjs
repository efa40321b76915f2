/** The least one can write: each event to each response, in a loop. Nothing is kept, nothing is checked. */
import { createServer } from 'node:http';
import { serve } from './harness.mjs';
import { payload, TOPIC } from './payload.mjs';

const clients = new Set();
let id = 0;

const server = createServer((request, response) => {
	response.writeHead(200, {
		'content-type': 'text/event-stream',
		'cache-control': 'no-cache, no-transform'
	});
	response.write('retry: 3000\n\n');
	clients.add(response);
	response.on('close', () => clients.delete(response));
});

serve(server, (count) => {
	for (let i = 0; i < count; i++) {
		const frame = `id: ${++id}\nevent: ${TOPIC}\ndata: ${JSON.stringify(payload())}\n\n`;
		for (const response of clients) response.write(frame);
	}
});
