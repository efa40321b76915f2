/** The table that one asks: the columns of the log's `events`, in its order. The database and the panel are made from them. */
export const COLUMNS = [
	{ name: 'id', type: 'bigint', means: 'rises with every event' },
	{ name: 'topic', type: 'text', means: 'such as logs' },
	{ name: 'user_id', type: 'text', means: 'you; null: for everyone' },
	{ name: 'data', type: 'jsonb', means: 'null: more than 8 kB' },
	{ name: 'created_at', type: 'timestamptz', means: 'in your time zone' },
	{ name: 'size', type: 'integer', means: 'octets of data' }
] as const;
