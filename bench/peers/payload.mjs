/** What each system carries: one notification, as the demo has it. `^` marks it for the load generator, once. */

const PADDING = 'A parcel for the harbour office has arrived at the gate.';

let count = 0;

/** The payload; the time it is made (milliseconds on the machine's monotonic clock) follows the mark. */
export function payload() {
	return {
		id: `n-${++count}`,
		type: 'info',
		message: text(),
		timestamp: new Date().toISOString()
	};
}

/** The same as a message in a room. */
export function message() {
	return {
		type: 'message',
		room: 'Harbour',
		user: { id: 'bench-0', name: 'bench-0' },
		text: text(),
		timestamp: new Date().toISOString()
	};
}

const text = () => `^${(Number(process.hrtime.bigint()) / 1e6).toFixed(3)} ${PADDING}`;

/** Name of the topic or event everywhere. */
export const TOPIC = 'notifications';
