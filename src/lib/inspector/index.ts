export { default as Inspector } from './inspector.svelte';
export {
	Recorder,
	type Frame,
	type RecordedGap,
	type Span,
	type TopicCursor
} from './recorder.svelte.ts';
