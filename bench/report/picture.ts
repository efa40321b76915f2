import type { Row } from '../stage/measure.ts';
import { describeConditions } from './table.ts';
import type { Report } from './report.ts';

const WIDTH = 760;
const LEFT = 230;
const BARS = 350;
const BAR = 16;
const STEP = 22;
const HEADING = 46;

/** Returns the rows marked for the picture as bars in a self-contained SVG. It has its own colours, light and dark. */
export function toPicture(report: Report): string {
	const parts: string[] = [];
	let y = 16;
	for (const row of report.rows.filter(({ picture }) => picture)) {
		const { text, height } = chart(row, y);
		parts.push(text);
		y += height;
	}
	const conditions = wrap(describeConditions(report), 118);
	y += 8;
	for (const line of conditions) {
		parts.push(`<text class="small" x="16" y="${(y += 15)}">${escape(line)}</text>`);
	}
	const height = y + 16;
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Logline beside others, in bars">
<style>
	svg { --paper: #fff; --ink: #1b1b1f; --soft: #5c5c66; --ours: #4f46e5; --theirs: #a3a3ad; --limit: #d9d9df; }
	@media (prefers-color-scheme: dark) {
		svg { --paper: #131316; --ink: #ececf0; --soft: #a0a0ab; --ours: #8b83ff; --theirs: #63636e; --limit: #37373f; }
	}
	text { font: 13px system-ui, sans-serif; fill: var(--ink); }
	.title { font-weight: 600; }
	.small { font-size: 11px; font-weight: 400; fill: var(--soft); }
	.ours { fill: var(--ours); } .peer { fill: var(--theirs); } .limit { fill: var(--limit); }
	.name { text-anchor: end; }
	.bold, .small.bold { font-weight: 600; }
</style>
<rect width="${WIDTH}" height="${height}" rx="8" style="fill: var(--paper)"/>
${parts.join('\n')}
</svg>
`;
}

/** One measure: ours first, then the others by rank, and the limit last. */
function chart(row: Row, top: number): { text: string; height: number } {
	const sign = row.better === 'higher' ? 1 : -1;
	const rank = { peer: 0, limit: 1 };
	const others = [...row.others].sort(
		(a, b) => rank[a.role] - rank[b.role] || sign * (b.median - a.median)
	);
	const bars = [
		{ name: 'Logline', kind: 'ours', value: row.ours.median, remark: '' },
		...others.map(({ name, role, median, ratio }) => ({
			name: role === 'limit' ? `limit: ${name}` : name,
			kind: role,
			value: median,
			remark: ` · Logline ${short(ratio)} ×`
		}))
	];
	const most = Math.max(...bars.map(({ value }) => value));
	const better = row.better === 'higher' ? 'more is better' : 'less is better';
	const lines = [
		`<text class="title" x="16" y="${top + 18}">${escape(row.title)} <tspan class="small">${escape(row.unit)}, ${better}</tspan></text>`
	];
	bars.forEach(({ name, kind, value, remark }, i) => {
		const y = top + 28 + i * STEP;
		const length = Math.max(1, (value / most) * BARS);
		const strong = kind === 'ours' ? ' bold' : '';
		lines.push(
			`<text class="name${strong}" x="${LEFT - 8}" y="${y + 13}">${escape(name)}</text>` +
				`<rect class="${kind}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>` +
				`<text class="small${strong}" x="${(LEFT + length + 6).toFixed(1)}" y="${y + 12}">${short(value)}${remark}</text>`
		);
	});
	return { text: lines.join('\n'), height: HEADING + bars.length * STEP };
}

/** Three significant digits, in thousands or millions. */
function short(value: number): string {
	if (value >= 1e6) return `${digits(value / 1e6)} M`;
	// Four digits are still easy to read.
	return value >= 1e4 ? `${digits(value / 1e3)} k` : digits(value);
}

const digits = (value: number): string =>
	value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));

function wrap(text: string, width: number): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(' ')) {
		if (line !== '' && line.length + word.length >= width) {
			lines.push(line);
			line = '';
		}
		line += line === '' ? word : ` ${word}`;
	}
	return [...lines, line];
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (one) => ESCAPES[one]!);
