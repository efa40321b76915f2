import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.server';

const client = postgres(process.env.DATABASE_URL ?? '', { max: 2 });

export const db = drizzle(client, { schema });

process.on('sveltekit:shutdown', () => void client.end());
