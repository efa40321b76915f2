import { defineConfig } from 'drizzle-kit';

/** The app's own tables. Those of the log: drizzle/log.config.ts. */
export default defineConfig({
	dialect: 'postgresql',
	schema: './drizzle/app.server.ts',
	out: './migrations'
});
