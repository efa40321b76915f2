import { describe, expect, it } from 'vitest';
import { TOLD, type Told } from './told.ts';

/** Written down by hand: for each state, the word · the button · the link · how the sentence begins. */
const EXPECTED = `
             | connecting                                     | connected                                | error
none         | Connecting… · disconnect                       | Live · disconnect                        | Not connected · retry · reload · No connection.
cached       | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
restored     | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
hidden       | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
seen         | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
asleep       | Reconnecting · retry                           | Waking up · retry                        | Not connected · retry · reload · No connection.
offline      | Offline · retry · Your device is offline.      | Offline · retry · Your device is offline. | Offline · retry · Your device is offline.
online       | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
quiet        | Reconnecting · retry                           | No sign of life · retry                  | Not connected · retry · reload · No connection.
silent       | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
lost         | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
unreachable  | Not connected · retry · reload · No connection. | Live · disconnect                       | Not connected · retry · reload · No connection.
refused      | Not connected · retry · reload · No connection. | Live · disconnect                       | Not connected · retry · reload · No connection.
accepted     | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
intercepted  | Not connected · retry · reload · Something between | Live · disconnect                    | Not connected · retry · reload · Something between
unauthorized | Signed out · sign-in · You have been signed out. | Live · disconnect                      | Signed out · sign-in · You have been signed out.
forbidden    | Not connected · retry · reload · “…” There is nothing left | Live · disconnect            | Not connected · retry · reload · “…” There is nothing left
limited      | Not connected · retry · reload · “…” It is tried again as soon | Live · disconnect        | Not connected · retry · reload · “…” It is tried again as soon
drained      | Reconnecting · retry · The server is being renewed. | Live · disconnect                   | Reconnecting · retry · The server is being renewed.
unavailable  | Not connected · retry · reload · “…” The server does not serve | Live · disconnect        | Not connected · retry · reload · “…” The server does not serve
rejected     | Not connected · retry · reload · “…” The server does not understand | Live · disconnect   | Not connected · retry · reload · “…” The server does not understand
invalid      | Not connected · connect · reload · This page does not know | Live · disconnect            | Not connected · connect · reload · This page does not know
renewed      | Reconnecting · retry                           | Live · disconnect                        | Not connected · retry · reload · No connection.
denied       | Reconnecting · retry                           | Live · disconnect · reload · A part of this page | Not connected · retry · reload · No connection.
signed-out   | Signed out · sign-in · You have been signed out. | Live · disconnect                      | Signed out · sign-in · You have been signed out.
`;

const [HEAD, ...ROWS] = EXPECTED.trim()
	.split('\n')
	.map((line) => line.split('|').map((cell) => cell.trim()));
const CELLS = ROWS.flatMap(([condition, ...cells]) => [
	{ condition: condition!, status: 'idle', told: 'Disconnected · connect' },
	...cells.map((told, i) => ({ condition: condition!, status: HEAD![i + 1]!, told }))
]);

const summary = ({ word, button, link, quotes, sentence }: Told) =>
	[word, button, link, sentence && (quotes ? `“…” ${sentence}` : sentence)]
		.filter((part) => part !== null)
		.join(' · ');

describe('a reader', () => {
	it('is told something in each state, whatever happens', () => {
		expect(ROWS.map(([name]) => name)).toEqual(Object.keys(TOLD));
		expect(CELLS).toHaveLength(ROWS.length * 4);
	});

	it.each(CELLS)('of a page that is $status and met $condition is told', (cell) => {
		const rows: Readonly<Record<string, Readonly<Record<string, Told>>>> = TOLD;
		const told = rows[cell.condition]![cell.status]!;
		expect(summary(told).slice(0, cell.told.length)).toBe(cell.told);
		const isWhole = told.sentence === null ? summary(told) === cell.told : true;
		expect(isWhole, 'nothing more').toBe(true);
		expect(told.button ?? told.link, 'a way out').not.toBeNull();
		expect(told.sentence ?? '.', 'a sentence').toMatch(/\.$/);
	});
});
