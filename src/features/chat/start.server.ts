import type { App, StartFeature } from '$src/app/app.ts';
import { STORY } from './script.ts';
import { createStory, type Story } from './story.server.ts';

// Per app, not one variable: in development, an edit starts a second app before the first has ended.
const stories = new WeakMap<App, Story>();

/** Starts the story engine. */
export const start: StartFeature = (app) => {
	const story = createStory({
		app,
		script: STORY,
		speed: readSpeed(process.env.LOGLINE_STORY_SPEED)
	});
	stories.set(app, story);
	return async () => {
		stories.delete(app);
		await story.stop();
	};
};

/**
 * Returns the story of a running application.
 *
 * @throws Error when the chat has not been started in it
 */
export function getStory(app: App): Story {
	const story = stories.get(app);
	if (!story) throw new Error('The story has not started');
	return story;
}

/** LOGLINE_STORY_SPEED is for tests of the built app, for which the normal speed is too slow. */
export function readSpeed(text: string | undefined): number {
	if (text === undefined || text === '') return 1;
	const speed = Number(text);
	if (!(speed > 0 && speed <= 1000)) {
		throw new Error('LOGLINE_STORY_SPEED must be a number above 0 and at most 1000, such as 10');
	}
	return speed;
}
