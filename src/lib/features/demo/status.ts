import type { SSEStatus } from '$lib/client';

/** How a state of the stream is told to people. */
export interface StatusLook {
	text: string;
	/** Classes of the dot. */
	dot: string;
}

export const STATUS_LOOKS: Readonly<Record<SSEStatus, StatusLook>> = {
	idle: { text: 'Disconnected', dot: 'bg-line-strong' },
	connecting: { text: 'Connecting…', dot: 'bg-warning animate-pulse' },
	connected: { text: 'Live', dot: 'bg-success' },
	error: { text: 'Reconnecting…', dot: 'bg-danger' }
};

/** The session has ended; nothing will change that but signing in. */
export const SIGNED_OUT: StatusLook = { text: 'Signed out', dot: 'bg-line-strong' };
