/** The rows before those that a list shows. */
export interface OlderRows {
	/** The newest row is in view. The list says it. */
	atNewest: boolean;
	/** There are some. */
	readonly more: boolean;
	/** There may be some, but the view keeps no more rows. */
	readonly full: boolean;
	readonly loading: boolean;
	/** Why they could not be loaded. */
	readonly problem: string | null;
	load: () => Promise<void>;
	retry: () => Promise<void>;
}
