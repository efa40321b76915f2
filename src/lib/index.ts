/** What browser and server share: topics, cursors, frames and errors. */
export * from './protocol/index.ts';
