/** What an application says of its users is not believed: whatever their names are, nobody else is harmed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PresentUser } from '../../src/lib/index.ts';
import { createLogline, type Logline, type Logger } from '../../src/lib/server/index.ts';
import { TEST_TOPICS } from '../support/app-server.ts';
import { openScene, type Scene } from '../support/scene.ts';
import { until } from '../support/until.ts';

const LOBBY = 'lobbies/1';

let scene: Scene;
let logline: Logline;
/** Details of the lines that tell of an error. */
let errors: unknown[];

beforeEach(async () => {
	scene = await openScene();
	errors = [];
	const quiet = () => undefined;
	const error = (line: object | string) => void errors.push(line);
	const logger: Logger = { debug: quiet, info: quiet, warn: quiet, error, child: () => logger };
	logline = createLogline({ url: scene.database.url, migrate: false, topics: TEST_TOPICS, logger });
	await logline.start();
});
afterEach(async () => {
	await logline.stop();
	await scene.close();
});

/** Opens a stream that asks who is present, as a user of whom the application says this. */
async function visit(id: string, said: { name?: unknown } = {}): Promise<void> {
	const searchParams = new URLSearchParams(`topics=a&presence=${LOBBY}&client=x`);
	const viewer = { id, ...said, session: `of ${id}`, expires: new Date(Date.now() + 3_600_000) };
	const { body } = await logline.open(
		{ searchParams, headers: new Headers() },
		() => viewer as typeof viewer & { name?: string }
	);
	// It takes what comes until the server ends the stream.
	void body!.pipeTo(new WritableStream());
}

const present = (): Promise<PresentUser[]> => logline.presence(LOBBY);
const are = (names: string[]) =>
	until(
		async () => {
			const users = await present();
			return JSON.stringify(users.map(({ name }) => name).sort()) === JSON.stringify(names);
		},
		{ what: `${names.length} are there: ${names.join(', ').slice(0, 100)}`, timeoutMs: 3000 }
	);

test.each([
	['missing', undefined, 'zoe-1'],
	['null, as an empty column', null, 'zoe-1'],
	['as long as a book', `z${'😀'.repeat(100_000)}`, `z${'😀'.repeat(49)}`]
])('a user whose name is %s is seen, and so is everybody else', async (_, name, shown) => {
	await visit('ann', { name: 'ann' });
	await visit('zoe-1', { name });
	await visit('bob', { name: 'bob' });
	await are(['ann', 'bob', shown]);
});

test.each([
	['a number', 7],
	['an object', {}],
	['a text with U+0000', 'z\0e'],
	['half of a surrogate pair', '\ud83d']
])(
	'a user whose name is %s is refused with what to do, and all others are seen',
	async (_, name) => {
		await visit('ann', { name: 'ann' });
		await expect(visit('zoe', { name })).rejects.toMatchObject({
			code: 'invalid_user',
			status: 400,
			message: expect.stringContaining('Leave it out') as string
		});
		await visit('bob', { name: 'bob' });
		await are(['ann', 'bob']);
	}
);

test('a user whom the database refuses to write is not seen, an operator is told, and all others are seen', async () => {
	await scene.sql`alter table presence add check (name <> 'zoe')`;
	const others = Array.from({ length: 40 }, (_, i) => `user ${i}`).sort();
	const all = [...others.slice(0, 20), 'zoe', ...others.slice(20)];
	await Promise.all(all.map((name) => visit(name, { name })));
	await are(others);
	// The others are written before it is known whose row it was.
	await until(() => errors.length > 0, { what: 'an operator is told' });
	expect(errors).toEqual([expect.objectContaining({ scope: LOBBY, userId: 'zoe' })]);
	// It is not tried again at each heartbeat.
	for (let beat = 0; beat < 2; beat++) await nextBeat();
	await visit('late', { name: 'late' });
	await are(['late', ...others]);
	expect(errors).toHaveLength(1);
	expect(logline.health().failing).toEqual([]);
});

async function nextBeat(): Promise<void> {
	const lease = async () => {
		const [row] = await scene.sql`select leased_until::text as until from presence_servers`;
		return String(row?.until);
	};
	const before = await lease();
	await until(async () => (await lease()) !== before, { what: 'the lease is renewed' });
}
