/** Figures of the benchmark (docs/benchmark.md) that the page shows. `figures.test.ts` holds them against it. */
export const FIGURES = [
	{
		figure: '4.3',
		unit: 'ms',
		measure: 'Emit to receipt, 1 client: median',
		text: 'from emit to the client, in the median. The event is committed to disk before it is sent.'
	},
	{
		figure: '123,172',
		unit: 'events/s',
		measure: 'Catching up, 1 client 1,000,000 events behind',
		text: 'to a client that comes back a million events behind. It reads on from its last one.'
	},
	{
		figure: '47,244',
		unit: 'events/s',
		measure: 'Durable appends, 1,000 callers',
		text: 'are appended by 1,000 callers: 31.1 times what INSERT and NOTIFY do on the same machine.'
	}
] as const;

export const CONDITIONS =
	'Two cores (AMD EPYC) shared by server, database and load; PostgreSQL 18.4 with fsync on; median of 3 rounds.';
