/** For tests: a private database, servers that tell the story, and the view of a reader. */
import { afterEach, beforeEach, expect } from 'vitest';
import { openClient, type Sql } from '$src/app/driver-client.ts';
import type { User } from '$src/accounts/user.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/database.ts';
import { startFeatureApp, type FeatureApp } from '../../../tests/support/feature-app.ts';
import { until } from '../../../tests/support/until.ts';
import { initialChat, reduceChat, type ChatEvent, type ChatState } from './reducer.ts';
import { STORY, type Script } from './script.ts';
import { createStory, type Story } from './story.server.ts';

/** Plays the whole story in about a second. */
export const SPEED = 100;

/** One server process, as far as the story needs it. */
export interface Server {
	app: FeatureApp;
	story: Story;
}

/** A database and its servers. Everything is ended after each test. */
export class Stage {
	sql!: Sql;
	url!: string;
	#database!: TestDatabase;
	readonly #servers: Server[] = [];

	/** Registers setup and cleanup for each test of the file. */
	static forEachTest(): Stage {
		const stage = new Stage();
		beforeEach(async () => {
			stage.#database = await createTestDatabase();
			stage.url = stage.#database.url;
			stage.sql = openClient(stage.url, { max: 2, name: 'story test' });
		});
		afterEach(async () => {
			await stage.stopServers();
			await stage.sql.end();
			await stage.#database.drop();
		});
		return stage;
	}

	startServer(options: { script?: Script; speed?: number; url?: string } = {}): Server {
		const app = startFeatureApp(options.url ?? this.url);
		const script = options.script ?? STORY;
		const server = { app, story: createStory({ app, script, speed: options.speed ?? SPEED }) };
		this.#servers.push(server);
		return server;
	}

	async stopServers(): Promise<void> {
		for (const { app, story } of this.#servers.splice(0)) {
			await story.stop();
			await app.end();
		}
	}

	async eventsOf(viewer: User): Promise<ChatEvent[]> {
		return [
			...(await this.sql<ChatEvent[]>`
				select topic, data from events where user_id = ${viewer.id} order by id`)
		];
	}

	async chatOf(viewer: User): Promise<ChatState> {
		return (await this.eventsOf(viewer)).reduce(reduceChat, initialChat);
	}

	async progressOf(viewer: User) {
		const [row] = await this.sql<{ run: number; step: number; due_at: Date | null }[]>`
			select run, step, due_at from story_progress where user_id = ${viewer.id}`;
		return row;
	}

	/**
	 * Presses the button whenever the chat shows a prompt, until the story ends.
	 *
	 * @param story returns the story on which the button is pressed
	 */
	async playToEnd(
		viewer: User,
		story: () => Story,
		options: { everyMs?: number; meanwhile?: () => unknown } = {}
	): Promise<void> {
		await until(
			async () => {
				await options.meanwhile?.();
				const chat = await this.chatOf(viewer);
				if (chat.expectedPrompt !== null) await story().sendPrompt(viewer).catch(unlessNotWaiting);
				return chat.ended;
			},
			{ what: 'the story has ended', timeoutMs: 50_000, everyMs: options.everyMs }
		);
	}
}

/** The log is a moment behind the table, so a player may press twice. */
function unlessNotWaiting(error: unknown): void {
	expect(error).toMatchObject({ code: 'not_waiting', status: 409 });
}

/** Returns events as lines of text. */
export const said = (events: readonly ChatEvent[]) =>
	events.map(({ topic, data }) =>
		'text' in data ? `${topic} | ${data.sender} | ${data.text}` : topic
	);

/** Returns the lines of an undisturbed run. */
export function wholeStory(player: string, script: Script = STORY): string[] {
	return script.flatMap((node) => {
		switch (node.type) {
			case 'npc':
				return [`message | ${node.name} | ${node.text}`];
			case 'prompt':
				return [`prompt | System | ${node.text}`, `message | ${player} | ${node.text}`];
			case 'end':
				return [`end | ${node.name} | ${node.text}`];
		}
	});
}
