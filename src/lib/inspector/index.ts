import type { Component } from 'svelte';
import component from './inspector.svelte';
import type { Recorder } from './recorder.svelte.ts';

/** Properties of {@link Inspector}. */
export interface InspectorProps {
	recorder: Recorder;
	/** The client that is recorded, or anything that cuts and connects it. */
	stream: { connect(): void; close(): void };
}

/**
 * Shows what a {@link Recorder} has recorded. It fills its container. Its colours follow the custom properties
 * `--inspector-back`, `-text`, `-quiet`, `-line`, `-good`, `-busy` and `-bad`, else the colour scheme of the page.
 *
 * The type is written here, because the packaged declaration of a component says nothing about its properties.
 */
export const Inspector = component as unknown as Component<InspectorProps>;

export {
	Recorder,
	type Frame,
	type RecordedGap,
	type Span,
	type TopicCursor
} from './recorder.svelte.ts';
