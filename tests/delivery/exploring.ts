/** What tests of the explorer do: write events of all kinds, and read all pages of a search. */
import type { ExploreFilter } from '../../src/lib/server/index.ts';
import type { Viewer } from '../../src/lib/protocol/index.ts';
import type { Random } from '../faults/random.ts';
import type { GrantedScene } from '../support/granted-scene.ts';

export const SEED = Number(process.env.LOGLINE_SEED ?? 7);

export const SCOPES = [
	'rooms/1',
	'rooms/2',
	'clubs/1',
	'desks/1',
	'orgs/1',
	'orgs/1/projects/2',
	'orgs/2'
];
export const TOPICS = [
	...['a', 'b', 'recent', 'staff', 'lobbies/1/notices', 'lobbies/2/notices'],
	...['rooms/1/messages', 'rooms/2/messages', 'clubs/1/news', 'desks/1/lines'],
	...['orgs/1/projects/1/log', 'orgs/1/projects/2/log', 'orgs/2/projects/2/log']
];
export const WORDS = [
	"it's",
	'50%',
	'under_score',
	'back\\slash',
	'Grün',
	'"quoted"',
	'plain',
	'$text'
];

export const viewerOf = ({ user }: GrantedScene): Viewer => ({ id: user.id, name: user.name });

/** The ids of all pages. */
export async function exploredIn(scene: GrantedScene, filter?: ExploreFilter): Promise<string[]> {
	const ids: string[] = [];
	for (let before: bigint | null = null; ; before = BigInt(ids.at(-1)!)) {
		const page = await scene.server.app.logline.explore(viewerOf(scene), filter, {
			before,
			limit: 7
		});
		ids.push(...page.events.map(({ id }) => id));
		if (!page.more) return ids.reverse();
	}
}

/** Writes events of all topics, for everyone, for the viewer and for another user. */
export async function writeIn(scene: GrantedScene, random: Random, count: number): Promise<void> {
	for (let i = 0; i < count; i++) {
		await scene.server.app.logline.append([
			{
				topic: random.pick(TOPICS),
				userId: random.pick([null, null, scene.user.id, 'somebody else']),
				data: {
					n: random.between(1, 5),
					text: random.pick(WORDS),
					deep: { 'a-b': [random.next() < 0.5] }
				}
			}
		]);
	}
}
