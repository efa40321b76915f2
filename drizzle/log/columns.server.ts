/** Types of columns of the log's tables. */
import { bigint, customType, text, timestamp } from 'drizzle-orm/pg-core';

export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
/** Ids of events are decimal strings in JSON: they can be larger than a safe `number`, and JSON has no bigint. */
export const id = (name: string) => bigint(name, { mode: 'bigint' });
/** Id of a user, as the app made it: text, 1 to 200 octets. */
export const user = (name: string) => text(name);
