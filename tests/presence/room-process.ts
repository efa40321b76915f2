/**
 * A server in its own process, which a test can kill or stop. It sends its port when it serves. At the message "type", it
 * sends a signal five times a second.
 */
import type { SentSignal } from '../../src/lib/server/index.ts';
import { startAppServer } from '../support/app-server.ts';

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));

const server = await startAppServer(process.env.DATABASE_URL ?? '');
process.on('message', (message) => {
	if (message !== 'type') return;
	const typing = { event: 'rooms/1/typing', data: true, sender: { id: 'ann', name: 'Ann' } };
	setInterval(() => void server.app.logline.signal(typing as unknown as SentSignal<never>), 200);
});
process.send?.(server.port);
