/** The sum of a whole story: what the page has handled, compared with the log. */
export interface StorySum {
	/** Events of the story, as the log has them. */
	events: number;
	/** Events that the page should have handled and has not. */
	lost: number;
	/** Events that it has handled twice since it was opened. */
	doubled: number;
	/** How often the connection came back since the story began, or the page was opened. */
	returns: number;
	/** Events of all topics that were replayed then. */
	replayed: number;
}
