import { describe, expect, test } from 'vitest';
import { LoglineError } from 'logline';
import type { User } from '$src/accounts/user.ts';
import { addUser } from '../../../tests/support/feature-app.ts';
import { until } from '../../../tests/support/until.ts';
import { initialChat } from './reducer.ts';
import { STORY, type Script } from './script.ts';
import { said, Stage, wholeStory } from './stage.ts';
import type { Story } from './story.server.ts';

const stage = Stage.forEachTest();

/** The first prompt, after three lines of introduction. */
const FIRST_PROMPT = STORY.findIndex((node) => node.type === 'prompt');

const openPrompt = (viewer: User) =>
	until(async () => (await stage.chatOf(viewer)).expectedPrompt, { what: 'a prompt is open' });

/** All rows that a refused press must not change. */
const everything = async () => ({
	progress: await stage.sql`select * from story_progress order by user_id`,
	outbox: await stage.sql`select * from outbox order by n`,
	events: await stage.sql`select * from events order by id`
});

async function expectRefused(story: Story, viewer: User): Promise<void> {
	const before = await everything();
	await expect(story.sendPrompt(viewer)).rejects.toSatisfy(
		(error) => error instanceof LoglineError && error.code === 'not_waiting' && error.status === 409
	);
	expect(await everything()).toEqual(before);
}

describe('the player', () => {
	test('says the line of the open prompt under their own name, and the story answers', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await story.sendPrompt(ada);
		const events = await until(async () => {
			const all = await stage.eventsOf(ada);
			return all.length > FIRST_PROMPT + 2 && all;
		});
		expect(events[FIRST_PROMPT + 1]).toMatchObject({
			topic: 'message',
			data: { sender: 'ada', text: (STORY[FIRST_PROMPT] as { text: string }).text, isMe: true }
		});
		expect(said(events.slice(FIRST_PROMPT + 2))[0]).toBe(wholeStory('ada')[FIRST_PROMPT + 2]);
	});

	test('who presses in two tabs, on two servers, at once speaks once; the other press is told so', async () => {
		// The script opens no second prompt by itself. Otherwise a slow press would correctly answer the second prompt.
		const script: Script = [
			{ type: 'prompt', text: 'one' },
			{ type: 'npc', name: 'A', text: 'two', delay: 0 }
		];
		const one = stage.startServer({ script });
		const two = stage.startServer({ script });
		const ada = await addUser(one.app.database, 'ada');
		one.app.subscribe(ada, ['message']);
		await openPrompt(ada);
		const outcomes = await Promise.allSettled(
			[one, two, one, two, one, two].map(({ story }) => story.sendPrompt(ada))
		);
		expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
		for (const outcome of outcomes) {
			if (outcome.status === 'rejected') {
				expect(outcome.reason).toMatchObject({ code: 'not_waiting', status: 409 });
			}
		}
		await until(async () => said(await stage.eventsOf(ada)).includes('message | A | two'), {
			what: 'the story has answered'
		});
		const own = (await stage.eventsOf(ada)).filter((event) => 'isMe' in event.data);
		expect(own).toHaveLength(1);
	});

	test('who presses before the story has begun changes nothing', async () => {
		const { app, story } = stage.startServer();
		await expectRefused(story, await addUser(app.database, 'ada'));
	});

	test('who presses while somebody else speaks changes nothing', async () => {
		const slow: Script = [
			{ type: 'npc', name: 'A', text: 'one', delay: 600_000 },
			{ type: 'prompt', text: 'two' }
		];
		const { app, story } = stage.startServer({ script: slow });
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await until(async () => (await stage.eventsOf(ada)).length === 1);
		await expectRefused(story, ada);
	});

	test('who presses when the prompt is next but has not been shown yet changes nothing', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		await stage.sql`
			insert into story_progress (user_id, step, due_at)
			values (${ada.id}, ${FIRST_PROMPT}, now() + interval '1 hour')`;
		await expectRefused(story, ada);
	});

	test('who presses after the end changes nothing', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await stage.playToEnd(ada, () => story);
		await expectRefused(story, ada);
	});

	test('of one story cannot move the story of another', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		const bo = await addUser(app.database, 'bo');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await expectRefused(story, bo);
	});
});

describe('a reset', () => {
	test('in the middle starts over, and the story is then told as if nothing had been', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await story.sendPrompt(ada);
		await story.reset(ada);
		await stage.playToEnd(ada, () => story);
		const events = await stage.eventsOf(ada);
		const at = events.findIndex((event) => event.topic === 'reset');
		expect(at).toBeGreaterThan(FIRST_PROMPT);
		expect(said(events.slice(0, at))).toEqual(wholeStory('ada').slice(0, at));
		expect(said(events.slice(at + 1))).toEqual(wholeStory('ada'));
		// A list keyed by id must never contain a line of an earlier run twice.
		expect(new Set(events.map((event) => event.data.id)).size).toBe(events.length);
	});

	test('is an event, not a deletion: what was said stays, and the chat is empty', async () => {
		const short: Script = [
			{ type: 'npc', name: 'A', text: 'one', delay: 1 },
			{ type: 'prompt', text: 'two' }
		];
		const { app } = stage.startServer({ script: short });
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await stage.stopServers();
		// An engine without a script, so that nothing follows the reset.
		const silent = stage.startServer({ script: [] });
		await silent.story.reset(ada);
		await until(async () => (await stage.eventsOf(ada)).at(-1)?.topic === 'reset');
		expect(await stage.chatOf(ada)).toMatchObject(initialChat);
		expect(said(await stage.eventsOf(ada))).toEqual([
			'message | A | one',
			'prompt | System | two',
			'reset'
		]);
	});

	test('can be taken back: the story goes on at the line where it was, as if nothing had been', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		const before = await stage.chatOf(ada);
		await story.reset(ada);
		await until(async () => (await stage.chatOf(ada)).messages.length > 0);
		await undone(story, ada);
		// Not the number of lines: the new run may have as many.
		const last = before.messages.at(-1)!;
		await until(async () => (await stage.chatOf(ada)).messages.at(-1)?.id === last.id, {
			what: 'the line that was last is last again'
		});
		expect(await stage.chatOf(ada)).toEqual(before);
		await stage.playToEnd(ada, () => story);
		const ids = (await stage.eventsOf(ada)).map(({ data }) => data.id);
		expect(new Set(ids).size).toBe(ids.length);
		expect((await stage.chatOf(ada)).messages.map(({ text }) => text)).toEqual(
			STORY.map(({ text }) => text)
		);
	});

	test('can be taken back while somebody speaks, after the end, and once only', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await until(async () => (await stage.chatOf(ada)).messages.length >= 1, { everyMs: 1 });
		await story.reset(ada);
		await undone(story, ada);
		await stage.playToEnd(ada, () => story);
		await story.reset(ada);
		await undone(story, ada);
		await until(async () => (await stage.chatOf(ada)).ended);
		const whole = await stage.chatOf(ada);
		expect(whole.messages.map(({ text }) => text)).toEqual(STORY.map(({ text }) => text));
		await expect(story.undoReset(ada)).rejects.toMatchObject({
			code: 'nothing_to_undo',
			status: 409
		});
		expect(await stage.chatOf(ada)).toEqual(whole);
		await expectRefused(story, ada);
	});

	test('that is on its way to the log is not taken for the one before it', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await story.reset(ada);
		await until(async () => (await stage.eventsOf(ada)).some(({ topic }) => topic === 'reset'));
		await stage.sql.begin(async (held) => {
			// Nothing enters the log meanwhile.
			await held`select logline_lock()`;
			await story.reset(ada);
			await expect(story.undoReset(ada)).rejects.toMatchObject({ code: 'nothing_to_undo' });
		});
	});

	test('of one player cannot be taken back by another', async () => {
		const { app, story } = stage.startServer();
		const [ada, bo] = [await addUser(app.database, 'ada'), await addUser(app.database, 'bo')];
		app.subscribe(ada, ['message']);
		await openPrompt(ada);
		await story.reset(ada);
		await expect(story.undoReset(bo)).rejects.toMatchObject({ code: 'nothing_to_undo' });
	});

	test('before anything has begun works', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		await story.reset(ada);
		await openPrompt(ada);
		expect(said(await stage.eventsOf(ada))).toEqual([
			'reset',
			...wholeStory('ada').slice(0, FIRST_PROMPT + 1)
		]);
	});

	test('after the end works', async () => {
		const { app, story } = stage.startServer();
		const ada = await addUser(app.database, 'ada');
		app.subscribe(ada, ['message']);
		await stage.playToEnd(ada, () => story);
		await story.reset(ada);
		await until(async () => !(await stage.chatOf(ada)).ended);
		await stage.playToEnd(ada, () => story);
		expect(said(await stage.eventsOf(ada))).toEqual([
			...wholeStory('ada'),
			'reset',
			...wholeStory('ada')
		]);
	});

	test('at any moment, on two servers: no line of the old run comes after it', async () => {
		const one = stage.startServer();
		const two = stage.startServer();
		const ada = await addUser(one.app.database, 'ada');
		one.app.subscribe(ada, ['message']);
		let seen = 0;
		for (let n = 0; n < 30; n++) {
			await until(async () => (await stage.eventsOf(ada)).length > seen, { everyMs: n % 7 });
			// Counted before the reset: its own event is then always one more. A count after it could already hold all
			// lines up to the open prompt, and no further one would come.
			seen = (await stage.eventsOf(ada)).length;
			await (n % 2 ? one : two).story.reset(ada);
		}
		await openPrompt(ada);
		await stage.playToEnd(ada, () => one.story);
		const lines = said(await stage.eventsOf(ada));
		const runs = lines.join('\n').split('reset');
		expect(runs).toHaveLength(31);
		const whole = wholeStory('ada').join('\n');
		for (const run of runs) expect(whole.startsWith(run.trim())).toBe(true);
		expect(runs.at(-1)?.trim()).toBe(whole);
	});
});

/** Takes a reset back as soon as it is in the log, as a page does. */
const undone = (story: Story, player: User) =>
	until(() => story.undoReset(player).then(() => true), { what: 'the reset is taken back' });
