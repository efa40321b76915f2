import { isIPv6 } from 'node:net';

/**
 * Returns the network of an address: what one customer of a provider usually has. For IPv6 these are the first 64 bits,
 * because a machine can use any address within them. For IPv4 it is the address itself.
 */
export function networkOf(address: string): string {
	// Some proxies add the port, which differs for each connection.
	const host = address.replace(/^\[(.*)\](:\d+)?$/, '$1').replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1');
	const [plain = ''] = host.split('%');
	if (!isIPv6(plain)) return plain;
	// The URL parser gives each address exactly one form, without leading zeros.
	const text = new URL(`http://[${plain}]`).hostname.slice(1, -1);
	const [head = '', tail] = text.split('::');
	const first = head === '' ? [] : head.split(':');
	const last = tail ? tail.split(':') : [];
	const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
	// An IPv4 address, as a dual-stack socket reports it.
	if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff') {
		const bytes = groups.slice(6).flatMap((group) => {
			const bits = parseInt(group, 16);
			return [bits >> 8, bits & 255];
		});
		return bytes.join('.');
	}
	return `${groups.slice(0, 4).join(':')}::/64`;
}

/** @returns true for a name or an address of the own machine */
export function isLoopback(host: string): boolean {
	return (
		host === 'localhost' || /^\[?::1\]?$/.test(host) || /^127(\.\d+){3}$/.test(networkOf(host))
	);
}
