import { format, type Other, type Row } from '../stage/measure.ts';
import type { Summary } from '../stage/statistics.ts';
import type { Report } from './report.ts';

/** Returns the results as a Markdown table, with the conditions before it. */
export function toTable(report: Report): string {
	const notes = [...new Set(report.rows.flatMap(({ note }) => note ?? []))];
	const lines = [
		describeConditions(report),
		'',
		'| measure | Logline | beside it | limit | target |',
		'|---|---|---|---|---|',
		...report.rows.map((row) => toLine(row, row.note ? ` ${mark(notes, row.note)}` : ''))
	];
	if (notes.length > 0) lines.push('', notes.map((n) => `${mark(notes, n)} ${n}`).join('\\\n'));
	return lines.join('\n');
}

/** A mark for the rows that a note belongs to. */
const mark = (notes: readonly string[], note: string): string => `[${notes.indexOf(note) + 1}]`;

export function describeConditions({ conditions: c }: Report): string {
	const noise =
		c.loadBefore > 0.5 ? `; NOISY: load ${c.loadBefore.toFixed(1)} before the start` : '';
	const quick = c.quick ? '; QUICK: not to be quoted' : '';
	return (
		`${c.cores} cores (${c.cpu}), ${c.memoryGB} GB, ${c.system}, Node ${c.node}, PostgreSQL ${c.version} ` +
		`(fsync ${c.fsync}, synchronous_commit ${c.synchronousCommit}), commit ${c.commit}, ${c.date}; ` +
		`server, database and load share the cores; median of ${c.rounds} interleaved rounds (least – most)${noise}${quick}`
	);
}

function toLine(row: Row, marked: string): string {
	const peers = row.others.filter(({ role }) => role === 'peer').map(toCell);
	const limits = row.others.filter(({ role }) => role === 'limit').map(toCell);
	const target = row.target ? `${row.target.text}: ${row.target.met ? 'met' : 'MISSED'}` : '';
	return `| ${row.title}, ${row.unit}${marked} | ${spread(row.ours)} | ${peers.join('<br>')} | ${limits.join('<br>')} | ${target} |`;
}

function toCell(other: Other): string {
	const ratio = Number.isFinite(other.ratio) ? ` → **${format(other.ratio)} ×**` : '';
	return `${other.name}: ${spread(other)}${ratio}`;
}

function spread({ median, min, max }: Summary): string {
	return min === max ? format(median) : `${format(median)} (${format(min)} – ${format(max)})`;
}
