/** The topics of the demo page, and the parts of the page that show them. */
import type { SSETopicsMap } from 'logline';

/** Topics that the reader can turn off. */
export type OptionalTopic = 'notifications' | 'logs';

/** A part of the page that shows a fold. */
export type View = 'chat' | OptionalTopic;

/** The payloads of the page's topics. */
export type DemoTopics = Pick<
	SSETopicsMap,
	'message' | 'prompt' | 'end' | 'reset' | 'notifications' | 'inbox' | 'logs'
>;
/** The page's topics. */
export type DemoTopic = keyof DemoTopics;

/** null: no history of a view, but what holds for it. It may come again at any time. */
export const VIEW_OF: Readonly<Record<DemoTopic, View | null>> = {
	message: 'chat',
	prompt: 'chat',
	end: 'chat',
	reset: 'chat',
	notifications: 'notifications',
	inbox: null,
	logs: 'logs'
};

/** All of them. */
export const DEMO_TOPICS = Object.keys(VIEW_OF) as DemoTopic[];

/** The reader can turn it off. */
export const isOptional = (topic: DemoTopic): topic is OptionalTopic => VIEW_OF[topic] === topic;
