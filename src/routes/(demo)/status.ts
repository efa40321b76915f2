import type { SSEStatus } from 'logline/client';

/** How a state of the stream is shown. */
export interface StatusLook {
	text: string;
	/** Classes of the dot. */
	dot: string;
}

export const STATUS_LOOKS: Readonly<Record<SSEStatus, StatusLook>> = {
	idle: { text: 'Disconnected', dot: 'bg-line-strong' },
	connecting: { text: 'Connecting…', dot: 'bg-warning animate-pulse' },
	connected: { text: 'Live', dot: 'bg-success' },
	error: { text: 'Not connected', dot: 'bg-danger' }
};

/** No attempt is running: the next one is scheduled. */
export const WAITING: StatusLook = { text: 'Reconnecting', dot: 'bg-warning animate-pulse' };

/** The connection looks open, but nothing arrives from the server. */
export const SUSPECT: StatusLook = { text: 'No sign of life', dot: 'bg-warning animate-pulse' };

/** The session has ended. Only a sign-in changes this. */
export const SIGNED_OUT: StatusLook = { text: 'Signed out', dot: 'bg-line-strong' };
