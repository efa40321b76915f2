import type { ReadMarker } from 'logline';

/** What the page's `load` returns for the stream. */
export interface EventsData {
	/** Visible history in id order. `json` is set for data that the page could not carry as a value. */
	events: readonly { id: string; topic: string; data: unknown; json?: string }[];
	/** Position of the log up to which `events` is complete. */
	cursor: string;
	/** Epoch of the log that the position belongs to. */
	log?: string;
	/** Id of the user whose history it is. */
	userID?: string;
	/** How far the user has read. */
	readMarkers?: Readonly<Record<string, ReadMarker>>;
}
