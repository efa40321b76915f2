import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { serve } from './harness.mjs';
import { payload, TOPIC } from './payload.mjs';

const server = createServer();
const io = new Server(server, {
	serveClient: false,
	transports: ['websocket'],
	pingInterval: 600_000
});

serve(server, (count) => {
	for (let i = 0; i < count; i++) io.emit(TOPIC, payload());
});
