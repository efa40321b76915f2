/**
 * A process that writes to one topic until the log refuses it, with several callers at once. It sends "writing" after its first
 * event, and in the end what became of each event.
 *
 * Arguments: address of the database, topic, callers, and optionally name and epoch of the producer.
 */
import { LoglineError } from '../../src/lib/protocol/index.ts';
import { SoleConnection } from '../../src/lib/server/database/sole-connection.ts';
import { encodeEvent } from '../../src/lib/server/log/accept.ts';
import { Writer } from '../../src/lib/server/log/append.ts';

/** What a process reports: its events by their data. */
export interface Written {
	acknowledged: [data: string, id: string][];
	refused: [data: string, code: string][];
}

const [url = '', topic = '', callers = '1', name, epoch] = process.argv.slice(2);
const producer = name === undefined ? undefined : { name, epoch: Number(epoch) };
const writer = new Writer(new SoleConnection(url, { name: 'writer' }));
const written: Written = { acknowledged: [], refused: [] };

// The parent process has died, so nobody would end this one.
process.on('disconnect', () => process.exit(1));

async function write(caller: number): Promise<void> {
	for (let n = 0; ; n++) {
		const data = `${process.pid} ${caller} ${n}`;
		try {
			const [appended] = await writer.append([encodeEvent({ topic, data, producer })]);
			if (written.acknowledged.push([data, appended!.id]) === 1) process.send?.('writing');
		} catch (error) {
			if (!(error instanceof LoglineError)) throw error;
			written.refused.push([data, error.code]);
			return;
		}
	}
}
await Promise.all(Array.from({ length: Number(callers) }, (_, caller) => write(caller)));
await writer.close();
process.send?.(written, () => process.disconnect());
