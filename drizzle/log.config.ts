import { defineConfig } from 'drizzle-kit';

/** The log's tables, which the library brings with it. */
export default defineConfig({
	dialect: 'postgresql',
	schema: './drizzle/log.server.ts',
	out: './migrations/log'
});
