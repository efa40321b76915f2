/** A scene with rooms that its user joins and leaves. */
import { expect } from 'vitest';
import { openScene, type Scene } from './scene.ts';
import type { StreamClient } from './stream-client.ts';
import { until } from './until.ts';

export const ROOM = (n: number | string): string => `rooms/${n}/messages`;
export const ALL_ROOMS = 'topics=rooms/*/messages';

export interface GrantedScene extends Scene {
	/** Grants the user a scope. Resolves when that is in the log, and the server has read it. */
	grant(scope: string): Promise<void>;
	/** As `grant`. */
	revoke(scope: string): Promise<void>;
	/** Resolves when every change of grants is in the log, and the server has read it. */
	settled(): Promise<void>;
}

export async function openGrantedScene(): Promise<GrantedScene> {
	const scene = await openScene();
	const { app } = scene.server;
	const settled = () =>
		until(
			async () => {
				const [row] = await scene.sql`select
					(select count(*) from outbox) + (select count(*) from grant_losses) as waiting,
					(select coalesce(max(id), 0) from events)::text as head`;
				return Number(row!.waiting) === 0 && app.health().head === row!.head;
			},
			{ what: 'grants are in the log' }
		).then(() => {});
	return {
		...scene,
		settled,
		grant: async (scope) => {
			await app.logline.grant(scope, scene.user.id);
			await settled();
		},
		revoke: async (scope) => {
			await app.logline.revoke(scope, scene.user.id);
			await settled();
		}
	};
}

/** What a client got, in order: events as `topic data`, and what it was told of topics. */
export const story = (client: StreamClient): string[] =>
	client.received.flatMap(({ event, data }) => {
		if (event === 'keep-alive' || event === 'caught-up') return [];
		if (event === 'denied') {
			const { topic, reason } = data as { topic: string; reason: string };
			return [`denied ${topic} ${reason}`];
		}
		if (event === 'subscribed') return [`subscribed ${(data as { topic: string }).topic}`];
		return [`${event} ${String(data)}`];
	});

/** Resolves when a client got these lines, and fails when it gets others. */
export const tells = (client: StreamClient, ...lines: string[]): Promise<void> =>
	until(() => story(client).length >= lines.length, { what: lines.join(', ') }).then(
		() => expect(story(client)).toEqual(lines),
		() => expect(story(client)).toEqual(lines)
	);
