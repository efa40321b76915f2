/** What the server says of a form that it has refused. */
export interface RoomsFailure {
	action: 'create' | 'invite' | 'leave' | 'say';
	/** Text for the reader. */
	problem: string;
	/** What was typed, by field. */
	typed: Partial<Record<'name' | 'kind' | 'username' | 'text', string>>;
}
