import type { Condition, LinkState, LinkStatus } from './life.ts';

/** The state of a client's connection, for a page. */
export class ConnectionState {
	status = $state<LinkStatus>('idle');
	error = $state.raw<Error | null>(null);
	retryAt = $state<number | null>(null);
	suspect = $state(false);
	condition = $state<Condition | null>(null);

	take({ status, error, retryAt, suspect, condition }: LinkState): void {
		this.status = status;
		this.error = error;
		this.retryAt = retryAt;
		this.suspect = suspect;
		this.condition = condition;
	}
}
