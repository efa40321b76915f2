/**
 * A program that uses the embedded server of a folder until its standard input ends: it prints the URL when it has it, and
 * `released` when it has given it back. Run by embedded.test.ts, because sharing takes several processes.
 */
import { startEmbedded } from '../../src/lib/server/database/embedded.ts';

const database = await startEmbedded(process.argv[2] ?? '', () => {});
process.stdout.write(`${database.url}\n`);
await new Promise((resolve) => process.stdin.resume().once('end', resolve));
await database.release();
process.stdout.write('released\n');
