/** For tests: a server that mails what stays unread for a moment. The test kills it. */
import { createRegistry } from 'logline';
import { startApp } from '$src/app/app.ts';
import { loadConfig } from '$src/app/config.ts';
import { startRoomMail } from './mail.server.ts';
import { topics } from './topics.ts';

const [url = ''] = process.argv.slice(2);

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));

const config = loadConfig({ LOG_LEVEL: 'silent', DEMO: '0' });
await startApp(config, url, createRegistry([topics]), [(app) => startRoomMail(app, 200)]);
process.send?.('mails');
