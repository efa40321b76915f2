import type { LogEntry } from './reducer.ts';

/** Sample log lines of a small company's product. */
export const SAMPLES: readonly Pick<LogEntry, 'level' | 'source' | 'message'>[] = [
	{ level: 'info', source: 'gateway', message: 'GET /catalogue 200 in 23 ms' },
	{ level: 'debug', source: 'cache', message: 'hit ratio 0.94 over the last minute' },
	{ level: 'info', source: 'orders', message: 'order 5534 placed, 3 items' },
	{ level: 'info', source: 'mailer', message: 'queue drained, 41 messages sent' },
	{ level: 'warn', source: 'gateway', message: 'slow upstream: search took 1,870 ms' },
	{ level: 'debug', source: 'scheduler', message: 'next run of “rebuild-sitemap” in 12 min' },
	{ level: 'info', source: 'billing', message: 'invoice run finished, 128 issued' },
	{ level: 'error', source: 'parcel-api', message: 'webhook answered 502, attempt 3 of 5' },
	{ level: 'info', source: 'backup', message: 'base backup started' },
	{ level: 'debug', source: 'pool', message: '6 of 10 connections in use' },
	{ level: 'info', source: 'deploy', message: 'rolling out build 9f3c2a1, 2 of 6 instances done' },
	{ level: 'warn', source: 'stock', message: 'count of article 2210 corrected from 7 to 4' },
	{ level: 'info', source: 'gateway', message: 'POST /checkout 303 in 112 ms' },
	{ level: 'debug', source: 'images', message: 'resized 12 pictures to 3 widths' },
	{
		level: 'error',
		source: 'exporter',
		message: 'cannot write customers-q3.csv: read-only file system'
	},
	{ level: 'info', source: 'search', message: 'index refreshed, 48,201 documents' },
	{ level: 'warn', source: 'disk', message: 'worker-3: /var is 85 % full' },
	{ level: 'info', source: 'replica', message: 'lag back to 40 ms' },
	{ level: 'debug', source: 'feature-flags', message: 'loaded 17 flags, 2 changed' },
	{ level: 'info', source: 'certs', message: 'renewed certificate for api.example.com' },
	{ level: 'warn', source: 'billing', message: 'exchange rates are 26 h old' },
	{ level: 'info', source: 'orders', message: 'order 5531 shipped' },
	{ level: 'debug', source: 'gc', message: 'major collection, 31 ms, 64 MB freed' },
	{ level: 'error', source: 'payments', message: 'card declined for order 5531, code 51' }
];
