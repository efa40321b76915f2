/** What every Node server under measurement answers to the benchmark over IPC. */

/**
 * @param {import('node:http').Server} server
 * @param {(count: number) => void} emit sends that many events to every client
 */
export function serve(server, emit) {
	process.on('message', (message) => {
		if (message.type === 'emit') emit(message.count);
		if (message.type === 'memory') process.send({ type: 'memory', ...memory() });
	});
	process.on('disconnect', () => process.exit());
	server.listen(0, '127.0.0.1', () => process.send({ type: 'port', port: server.address().port }));
}

/** Bytes, after a collection. */
export function memory() {
	for (let i = 0; i < 4; i++) globalThis.gc?.();
	return process.memoryUsage();
}
