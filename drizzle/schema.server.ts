/** All tables of this app: its own, and those of the log. */
export * from './app.server.ts';
export * from './log.server.ts';
