import { messages, protocol, type PGlite } from '@electric-sql/pglite';
import { columnOf, indexOf, MOST_READ, type Problem, type Result } from '../result.ts';

/** Rows of one portion. Each is bounded by what a row can be, so the whole answer is never in memory. */
const AT_ONCE = 200;

const { serialize } = protocol;

/** Postgres refused the question. */
export class Refused extends Error {
	constructor(readonly problem: Problem) {
		super(problem.message);
	}
}

/**
 * Asks one question. It speaks the protocol of Postgres itself, because a portal gives its rows in portions: `SELECT * FROM
 * events, events AS more` would not fit into memory otherwise.
 *
 * @throws Refused
 */
export async function run(database: PGlite, sql: string): Promise<Result> {
	const began = performance.now();
	const result: Result = { columns: [], rows: [], more: false, tag: '', notices: [], ms: 0 };
	const say = async (...parts: Uint8Array[]): Promise<boolean> => {
		const { messages: said } = await database.execProtocol(joined([...parts, serialize.sync()]), {
			syncToFs: false,
			throwOnError: false
		});
		return take(said, sql, result);
	};
	await say(...statement('BEGIN'));
	try {
		let left = await say(...statement(sql, AT_ONCE));
		let octets = 0;
		let counted = 0;
		for (;;) {
			for (const row of result.rows.slice(counted)) {
				for (const value of row) octets += value?.length ?? 0;
			}
			counted = result.rows.length;
			if (!left || counted >= MOST_READ.rows || octets >= MOST_READ.octets) break;
			left = await say(serialize.execute({ rows: AT_ONCE }));
		}
		result.more = left;
	} catch (error) {
		await say(...statement('ROLLBACK'));
		throw error;
	}
	const { tag, notices } = result;
	await say(...statement('COMMIT'));
	return { ...result, tag, notices, ms: performance.now() - began };
}

const statement = (text: string, rows = 0): Uint8Array[] => [
	serialize.parse({ text }),
	serialize.bind({}),
	serialize.describe({ type: 'P' }),
	serialize.execute({ rows }),
	// Postgres ignores it, except in COPY FROM STDIN, which would wait for ever.
	serialize.copyFail('This page has no data to send.')
];

function joined(parts: readonly Uint8Array[]): Uint8Array {
	const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

/** @returns whether there are more rows */
function take(said: readonly { name: string }[], sql: string, result: Result): boolean {
	let left = false;
	for (const message of said) {
		if (message instanceof messages.DatabaseError) throw new Refused(problemOf(message, sql));
		if (message instanceof messages.RowDescriptionMessage) {
			result.columns = message.fields.map(({ name, dataTypeID }) => columnOf(name, dataTypeID));
		} else if (message instanceof messages.DataRowMessage) {
			result.rows.push(message.fields);
		} else if (message instanceof messages.CommandCompleteMessage) {
			result.tag = message.text;
		} else if (message instanceof messages.NoticeMessage) {
			result.notices = [...result.notices, message.message ?? ''].slice(-20);
		} else if (message.name === 'portalSuspended') left = true;
	}
	return left;
}

function problemOf(error: messages.DatabaseError, sql: string): Problem {
	const { detail, hint, position, code } = error;
	if (code === '42601' && error.message.startsWith('cannot insert multiple commands')) {
		return { message: 'Ask one question at a time: the text has more than one statement.' };
	}
	return {
		message: error.message,
		detail,
		hint,
		...(position && { at: indexOf(sql, Number(position)) })
	};
}
