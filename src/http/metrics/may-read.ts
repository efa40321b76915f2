import { LoglineError } from 'logline';
import { isLoopback } from '$src/accounts/network.ts';
import { carriesToken } from '../bearer.ts';

/** Headers by which proxies say for whom they ask. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'];

/** What decides who may read the metrics. */
export interface MetricsRequest {
	header: (name: string) => string | null | undefined;
	/** Address at the other end of the connection. Absent: there is none, as with a Unix socket. */
	remoteAddress: string | undefined;
}

/**
 * Lets through who has the token, and programs of this machine. A proxy on this machine is none of them: who asks through it
 * may be anybody.
 *
 * @param options.token null: there is none
 * @param options.addressHeader the header in which the operator's proxy names visitors
 * @throws LoglineError `unauthorized`
 */
export function requireMetricsReader(
	{ header, remoteAddress }: MetricsRequest,
	options: { token: string | null; addressHeader: string | undefined }
): void {
	const { token, addressHeader } = options;
	if (token !== null && carriesToken(header('authorization'), token)) return;
	const proxied = [...FORWARDED, ...(addressHeader ? [addressHeader.toLowerCase()] : [])].some(
		(name) => header(name) != null
	);
	if (!proxied && remoteAddress !== undefined && isLoopback(remoteAddress)) return;
	throw new LoglineError(
		'unauthorized',
		token === null
			? 'Metrics are for programs on this machine. For others, set PUBLISH_TOKEN in the environment of the server.'
			: 'Send the PUBLISH_TOKEN of the server: "Authorization: Bearer …".',
		401
	);
}
