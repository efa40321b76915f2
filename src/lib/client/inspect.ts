import type { LinkState } from './life.ts';
import { call } from './report.ts';

/** A step of a client, as `SSEClientOptions.inspect` is told of it. */
export type Inspected =
	/** The client opens a connection to this address. */
	| { type: 'attempt'; url: string }
	/** The state of the connection was set, perhaps to what it was. */
	| ({ type: 'state' } & Readonly<LinkState>)
	/** An event has arrived: of a topic, or one of control. `text` is its data, `id` that of the last event with one. */
	| { type: 'frame'; name: string; id: string; text: string }
	/** The event is handed to its handler now. A frame of a topic without this step had been handled before. */
	| { type: 'handled'; topic: string; id: string };

/** Is told of every step of a client. */
export type Inspect = (step: Inspected) => void;

/** @returns the same, but what it throws is reported and does not disturb the client */
export const guarded = (inspect: Inspect | undefined): Inspect | undefined =>
	inspect && ((step) => call(() => inspect(step)));
