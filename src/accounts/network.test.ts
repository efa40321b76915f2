import { expect, test } from 'vitest';
import { isLoopback, networkOf } from './network.ts';

test.each([
	['192.0.2.7', '192.0.2.7'],
	['::ffff:192.0.2.7', '192.0.2.7'],
	['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
	['2001:0DB8:0001:0002::9', '2001:db8:1:2::/64'],
	['2001:db8::1', '2001:db8:0:0::/64'],
	['::1', '0:0:0:0::/64'],
	['::', '0:0:0:0::/64'],
	['fe80::1%eth0', 'fe80:0:0:0::/64'],
	['192.0.2.7:50123', '192.0.2.7'],
	['[2001:db8:1:2:3:4:5:6]:50123', '2001:db8:1:2::/64'],
	['[2001:db8:1:2:3:4:5:6]', '2001:db8:1:2::/64'],
	['not an address', 'not an address']
])('%s is of %s', (address, network) => {
	expect(networkOf(address)).toBe(network);
});

test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]', '::ffff:127.0.0.1'])(
	'%s is this machine',
	(host) => expect(isLoopback(host)).toBe(true)
);

test.each(['192.0.2.7', '::2', '2001:db8::1', 'localhost.example', '127.example', ''])(
	'%s is another machine, as far as one can tell',
	(host) => expect(isLoopback(host)).toBe(false)
);
