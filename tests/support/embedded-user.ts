/**
 * A program that uses the embedded server of a folder until its standard input ends. It prints the URL, and `released` after
 * it has released the server. Run by embedded.test.ts, because sharing needs several processes.
 */
import { startEmbedded } from '../../src/embedded-postgres/embedded.ts';

const database = await startEmbedded(process.argv[2] ?? '', () => {});
process.stdout.write(`${database.url}\n`);
await new Promise((resolve) => process.stdin.resume().once('end', resolve));
await database.release();
process.stdout.write('released\n');
