import { defineConfig } from 'drizzle-kit';

export default defineConfig({
	dialect: 'postgresql',
	schema: './drizzle/schema.server.ts',
	out: './migrations',
	// Only `drizzle-kit studio` connects. `npm run db:studio` sets the variable to the database of the app.
	dbCredentials: { url: process.env.DATABASE_URL ?? '' }
});
