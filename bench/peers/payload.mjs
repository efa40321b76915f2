/** What each system carries: one notification, as the demo has it. `^` marks it for the load generator, once. */

const PADDING = 'A parcel for the harbour office has arrived at the gate.';

let count = 0;

/** The payload; the time it is made (milliseconds on the machine's monotonic clock) follows the mark. */
export function payload() {
	const sentAt = (Number(process.hrtime.bigint()) / 1e6).toFixed(3);
	return {
		id: `n-${++count}`,
		type: 'info',
		message: `^${sentAt} ${PADDING}`,
		timestamp: new Date().toISOString()
	};
}

/** Name of the topic or event everywhere. */
export const TOPIC = 'notifications';
