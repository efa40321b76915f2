/**
 * For tests: a server process, as far as the story needs it, with a player who presses whenever possible. The test kills it.
 */
import { STORY } from './script.ts';
import { createStory } from './story.server.ts';
import { startFeatureApp } from '../../../tests/support/feature-app.ts';

const [url, id, name] = process.argv.slice(2) as [string, string, string];
const viewer = { id, name };

const app = startFeatureApp(url);
const story = createStory({ app, script: STORY, speed: 100 });
app.subscribe(viewer, ['message']);

async function press(): Promise<void> {
	try {
		await story.sendPrompt(viewer);
	} catch (error) {
		if ((error as { code?: string }).code !== 'not_waiting') throw error;
	}
	setTimeout(() => void press(), 10);
}
await press();
