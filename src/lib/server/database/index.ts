/**
 * Connections to Postgres with deadlines and bounded queues, as the library uses them. An app may use them for its own
 * statements.
 */
export { describe as describeAddress, ipv6Hosts, toPrimary } from './address.ts';
export { arrayLiteral } from './array-literal.ts';
export { Lanes, type LanesOptions } from './lanes.ts';
export { PgSession, type PgSessionOptions, type TypeMaps } from './pg-session.ts';
export type { Queryable } from './queryable.ts';
export { Route } from './route.ts';
export { requireSession } from './session.ts';
export { SoleConnection } from './sole-connection.ts';
export { isTransient, mayPass } from './transient.ts';
export { waitForDatabase } from './wait.ts';
export { wantedUntil, whileWanted } from './wanted.ts';
