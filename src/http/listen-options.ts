import type { ListenOptions } from 'node:net';

/** What a server listens on. */
export type Place = ListenOptions | { fd: number };

/** The first file descriptor that systemd passes. */
const SYSTEMD_FD = 3;

/**
 * Reads from the environment where to listen: `HOST` and `PORT`, the Unix socket `SOCKET_PATH`, or the socket that systemd
 * opened.
 *
 * @throws Error that names the variable
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 */
export function listenOptions(env: Record<string, string | undefined>, pid: number): Place {
	if (env.LISTEN_PID === String(pid)) {
		if (env.LISTEN_FDS === '1') return { fd: SYSTEMD_FD };
		throw new Error(`LISTEN_FDS must be 1: one socket, not "${env.LISTEN_FDS}"`);
	}
	if (env.SOCKET_PATH) return { path: env.SOCKET_PATH };
	return { host: env.HOST || '0.0.0.0', port: readPort(env.PORT) };
}

/** @throws Error when it is not a valid port */
export function readPort(text = '3000'): number {
	const port = Number(text || '3000');
	if (!/^\d*$/.test(text) || port < 1 || port > 65_535) {
		throw new Error(`PORT must be a whole number from 1 to 65535, not "${text}"`);
	}
	return port;
}

/** Returns the place as text for the person who started the server. */
export function describePlace(where: Place): string {
	if ('fd' in where) return `file descriptor ${where.fd}`;
	if (where.path) return where.path;
	const host = where.host?.includes(':') ? `[${where.host}]` : where.host;
	return `http://${host}:${where.port}`;
}

/** Returns an error that says what to do about the system's error. */
export function listenError(error: unknown, where: Place): Error {
	const { code, message } = error as NodeJS.ErrnoException;
	const port = 'port' in where ? where.port : undefined;
	const reason =
		code === 'EADDRINUSE' && port
			? `Another program listens on port ${port}. Stop it, or choose another: PORT=${port + 1} npm start`
			: code === 'EACCES' && port
				? `Port ${port} is reserved for administrators. Choose another: PORT=3000 npm start`
				: `Cannot listen on ${describePlace(where)}: ${message}`;
	return new Error(reason, { cause: error });
}
