/** The servers of a connection string. Contains no secret. */
export interface Address {
	/** `host:port` of each server in the string. */
	hosts: string[];
	database: string;
	/** `target_session_attrs` of the string; null: not set. */
	attributes: string | null;
}

/** One server. A name that begins with `/` is the folder of its Unix socket. */
export interface Host {
	name: string;
	port: number;
}

/** The values of `target_session_attrs` that select a writable server, as far as the driver knows them. */
const ATTRIBUTES = ['primary', 'read-write'];

/**
 * Parses a connection string: `postgres://user:password@host:port/database`. Several hosts are separated by commas.
 *
 * @throws Error that says what to do. It quotes no part of the string, because the password may be anywhere in it.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseAddress(url: string): Address {
	const [, authority, path, query] =
		/^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url) ?? [];
	if (authority === undefined) {
		if (/^postgres(ql)?:\/\/.*#/.test(url)) throw unreadable();
		throw new Error('must look like postgres://user:password@host:5432/database');
	}
	const [servers = '', credentials, ...more] = authority.split('@').reverse();
	// Each of these means that the password contains a character that must be escaped.
	if (more.length > 0 || path?.includes('@')) throw unreadable();
	if (credentials === undefined && query?.includes('@')) throw unreadable();
	for (const part of [credentials, path]) if (part !== undefined) decode(part);

	const hosts = servers.split(',').map((server) => {
		const [, host = '', port = process.env.PGPORT || '5432'] =
			/^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(server) ?? [];
		if (host === '' && servers !== '') throw unreadable();
		if (Number(port) < 1 || Number(port) > 65_535) throw new Error('names a port that cannot be');
		return `${host || process.env.PGHOST || 'localhost'}:${port}`;
	});
	const attributes = new URLSearchParams(query).get('target_session_attrs');
	if (attributes !== null && !ATTRIBUTES.includes(attributes)) {
		throw new Error(
			`has a target_session_attrs that is no use here: Logline writes. Say ${ATTRIBUTES.join(' or ')}`
		);
	}
	return { hosts, database: decode(path ?? ''), attributes };
}

/**
 * Returns a connection string that selects a writable server. With several hosts, it adds `target_session_attrs=primary`,
 * unless the string already has that parameter.
 *
 * @throws as {@link parseAddress}
 */
export function toPrimary(url: string): string {
	const { hosts, attributes } = parseAddress(url);
	if (hosts.length === 1 || attributes !== null) return url;
	return `${url}${url.includes('?') ? '&' : '?'}target_session_attrs=primary`;
}

/**
 * Returns the hosts and ports of a connection string that has an IPv6 address. Otherwise returns an empty object, and the
 * driver parses the string itself. The driver alone would cut an IPv6 address at its first colon.
 */
export function ipv6Hosts(url: string): { host?: string; port?: number } {
	if (!/^[^/]*\/\/[^/?]*\[/.test(url)) return {};
	const hosts = hostsOf(url);
	const lists: object = {
		host: hosts.map(({ name }) => name),
		port: hosts.map(({ port }) => port)
	};
	// The driver accepts lists, but its types allow only one value.
	return lists;
}

/** Returns the servers of a connection string, in its order. */
export function hostsOf(url: string): Host[] {
	return parseAddress(url).hosts.map((host) => {
		const at = host.lastIndexOf(':');
		return { name: host.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(host.slice(at + 1)) };
	});
}

/** Returns the servers and database of a connection string, without user and password. */
export function describe(url: string): string {
	const { hosts, database } = parseAddress(url);
	return `${hosts.join(', ')}/${database}`;
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch (cause) {
		throw Object.assign(unreadable(), { cause });
	}
}

const unreadable = () =>
	new Error(
		'cannot be read. If the password has one of # / ? @ %, write it as %23 %2F %3F %40 %25, ' +
			'or leave the password out and put it into PGPASSWORD as it is'
	);
