/** What the checker holds against a reader, in made-up cases: a check that never objects is worth nothing. */
import { expect, test } from 'vitest';
import { noFindings, type Log } from './audit.ts';
import type { Row } from './archive.ts';
import { auditReader } from './audit-reader.ts';
import { Journal } from './journal.ts';

/** A log in which 1, 2 and 3 were written to topic `a`, and 2 was deleted by hand. */
function logWithout2(): Log {
	const rows = [1, 2, 3].map((id) => ({
		id,
		topic: 'a',
		userId: null,
		tag: `tag-${id}`,
		gone: id === 2 ? { how: 'hand', at: 0 } : null
	})) as unknown as Row[];
	return {
		rows,
		byId: new Map(rows.map((row) => [row.id, row])),
		business: new Set(),
		setAside: new Map(),
		horizons: new Map(),
		holes: [],
		lostFromOutbox: new Set()
	};
}

function outOfOrder(read: (journal: Journal) => void): string[] {
	const journal = new Journal('reader', 'ada');
	journal.open('a');
	read(journal);
	const findings = noFindings();
	auditReader(logWithout2(), journal, findings);
	return findings['out of order'];
}

const see = (journal: Journal, ...ids: number[]) => {
	for (const id of ids) journal.saw('a', String(id), { tag: `tag-${id}` });
};

test('a deleted event that comes late is no fault when the history began anew on another server', () => {
	const found = outOfOrder((journal) => {
		journal.connects(9);
		see(journal, 1, 3);
		journal.connects(9);
		see(journal, 2);
	});
	expect(found).toEqual([]);
});

test('it is one when the client had been caught up before', () => {
	const found = outOfOrder((journal) => {
		journal.connects(9);
		see(journal, 1, 3);
		journal.caughtUp({ topics: ['a'], cursor: '9' });
		journal.connects(9);
		see(journal, 2);
	});
	expect(found).toHaveLength(1);
});

test('it is none when a failover has set the cursor back to before the subscription', () => {
	const found = outOfOrder((journal) => {
		journal.connects(0);
		see(journal, 1, 3);
		journal.caughtUp({ topics: ['a'], cursor: '9' });
		journal.connects(8);
		see(journal, 2);
	});
	expect(found).toEqual([]);
});

test('it is one on the connection on which the later event came', () => {
	const found = outOfOrder((journal) => {
		journal.connects(9);
		see(journal, 1, 3, 2);
	});
	expect(found).toHaveLength(1);
});
