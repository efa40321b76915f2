import { hostsOf, parseAddress, type Host } from './address.ts';

/** The way to a database: its servers, in the order in which they are tried. Share one per purpose. */
export class Route {
	/** The connection string without `target_session_attrs`, which we check ourselves. */
	readonly url: string;
	/** What is asked of a server; null: nothing. See {@link parseAddress}. */
	readonly attributes: string | null;
	readonly #hosts: Host[];
	/** The server to try first: the last one that let us in, or the next one after a failure. */
	#first = 0;

	/** @throws as {@link parseAddress} */
	constructor(url: string) {
		this.attributes = parseAddress(url).attributes;
		this.url = url.replace(/([?&])target_session_attrs=[^&]*&?/, '$1');
		this.#hosts = hostsOf(url);
	}

	/** Each server once. */
	hosts(): Host[] {
		return [...this.#hosts.slice(this.#first), ...this.#hosts.slice(0, this.#first)];
	}

	/** Tries this server first from now on. */
	prefer(host: Host): void {
		this.#first = this.#hosts.indexOf(host);
	}

	/** Tries this server last from now on. */
	leave(host: Host): void {
		this.#first = (this.#hosts.indexOf(host) + 1) % this.#hosts.length;
	}
}
