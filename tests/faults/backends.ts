import { isAway, type World } from './world.ts';

/**
 * Ends the connections to Postgres with the given name; null: all except the checker's own. Does nothing when Postgres is
 * away, because then there are no connections.
 */
export async function terminateBackends(world: World, name: string | null): Promise<void> {
	try {
		await world.admin(
			(sql) => sql`
				select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and application_name <> 'checker admin'
					and (application_name = ${name} or ${name}::text is null)`
		);
	} catch (error) {
		if (!isAway(error)) throw error;
	}
}
