/** A request and the expected response. */
export interface Refusal {
	name: string;
	path: string;
	init?: RequestInit;
	status: number;
	/** Code of a JSON error. */
	code?: string;
	/** Text in the returned page. */
	text?: string;
}

export const JSON_BODY = { 'content-type': 'application/json' };
/** A request to the chat. */
export const chat = (body: string, headers: Record<string, string> = JSON_BODY): RequestInit => ({
	method: 'POST',
	body,
	headers
});
