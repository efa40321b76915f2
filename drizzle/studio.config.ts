import { defineConfig } from 'drizzle-kit';

/** All tables, for `npm run db:studio`, which sets the variable to the database of the app. */
export default defineConfig({
	dialect: 'postgresql',
	schema: ['./drizzle/app.server.ts', './drizzle/log.server.ts'],
	out: './migrations',
	dbCredentials: { url: process.env.DATABASE_URL ?? '' }
});
