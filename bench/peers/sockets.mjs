/** The limit: the events of a burst joined once, and written to each socket past HTTP. */
import { createServer } from 'node:http';
import { serve } from './harness.mjs';
import { payload, TOPIC } from './payload.mjs';

const sockets = new Set();
let id = 0;

const server = createServer((request, response) => {
	const { socket } = request;
	socket.write(
		'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\nretry: 3000\n\n'
	);
	sockets.add(socket);
	socket.on('close', () => sockets.delete(socket));
	response.on('error', () => socket.destroy());
});

serve(server, (count) => {
	let frames = '';
	for (let i = 0; i < count; i++) {
		frames += `id: ${++id}\nevent: ${TOPIC}\ndata: ${JSON.stringify(payload())}\n\n`;
	}
	const chunk = Buffer.from(frames);
	for (const socket of sockets) socket.write(chunk);
});
