import { expect, test } from 'vitest';
import { describePlace, listenError, listenOptions } from './listen-options.ts';

test('it listens on all addresses and port 3000, unless it is told otherwise', () => {
	expect(listenOptions({}, 1)).toEqual({ host: '0.0.0.0', port: 3000 });
	expect(listenOptions({ HOST: '::1', PORT: '80' }, 1)).toEqual({ host: '::1', port: 80 });
	expect(listenOptions({ PORT: '', SOCKET_PATH: '/run/app.sock' }, 1)).toEqual({
		path: '/run/app.sock'
	});
});

test.each(['0', '65536', '-1', '80.5', 'http'])('"%s" is no port', (PORT) => {
	expect(() => listenOptions({ PORT }, 1)).toThrow('PORT must be a whole number');
});

test('the socket that systemd has opened is taken by the process that it is meant for', () => {
	expect(listenOptions({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7)).toEqual({ fd: 3 });
	expect(listenOptions({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 8)).toMatchObject({ port: 3000 });
	expect(() => listenOptions({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7)).toThrow('LISTEN_FDS');
});

test('people are told where it listens, or why it cannot', () => {
	expect(describePlace({ host: '::1', port: 3000 })).toBe('http://[::1]:3000');
	expect(describePlace({ path: '/run/app.sock' })).toBe('/run/app.sock');
	const taken = Object.assign(new Error('listen'), { code: 'EADDRINUSE' });
	expect(listenError(taken, { host: '0.0.0.0', port: 3000 }).message).toContain('PORT=3001');
	expect(listenError(taken, { path: '/run/app.sock' }).message).toContain('/run/app.sock: listen');
});
