/**
 * A worker that gives a long answer, word by word, as one event each. It continues the answer where the log has it, in an epoch
 * of its own, and sends how it ended: "done", or the code of its refusal.
 *
 * Arguments: address of the database, epoch, and the words.
 */
import { LoglineError } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';

const [url = '', epoch = '', ...words] = process.argv.slice(2);
const connection = new SoleConnection(url, { name: 'answer' });
const writer = new Writer(new SoleConnection(url, { name: 'writer' }));
const say = (text: string) =>
	writer.append([
		encodeEvent({
			topic: 'answers',
			data: text,
			producer: { name: 'answer', epoch: Number(epoch) }
		})
	]);
process.on('disconnect', () => process.exit(1));

/** Its first event is in the log before it looks: from then on nobody of an older epoch adds a word. */
async function answer(): Promise<string> {
	try {
		await say('');
		const said = await connection.query<{ word: string }>(
			`SELECT data #>> '{}' AS word FROM events WHERE topic = 'answers' AND data <> '""'`,
			[]
		);
		process.send?.('answering');
		for (const word of words.slice(said.length)) await say(word);
		return 'done';
	} catch (error) {
		if (error instanceof LoglineError) return error.code;
		throw error;
	}
}
const outcome = await answer();
await writer.close();
await connection.end();
process.send?.(outcome, () => process.disconnect());
