import postgres from 'postgres';

/** Returns an error as text, with all its details and its position in the statement. */
export function explain(error: unknown, text = ''): string {
	if (!(error instanceof postgres.PostgresError)) {
		return `ERROR: ${error instanceof Error ? error.message : String(error)}`;
	}
	const lines = [`ERROR: ${error.message} (${error.code})`];
	if (error.position && text) {
		const before = [...text].slice(0, Number(error.position) - 1).join('');
		const row = before.split('\n').length;
		const lead = `LINE ${row}: `;
		lines.push(lead + (text.split('\n')[row - 1] ?? ''));
		const indent = (before.split('\n').at(-1) ?? '').replace(/[^\t]/g, ' ');
		lines.push(`${' '.repeat(lead.length)}${indent}^`);
	}
	return [...lines, ...furtherLines(error)].join('\n');
}

/** Returns a notice or warning as text. */
export function explainNotice(notice: postgres.Notice): string {
	const first = `${notice.severity ?? 'NOTICE'}: ${notice.message ?? ''}`;
	// `where` is useful for errors only.
	return [first, ...furtherLines({ ...notice, where: undefined })].join('\n');
}

function furtherLines(fields: { detail?: string; hint?: string; where?: string }): string[] {
	return (['detail', 'hint', 'where'] as const)
		.filter((name) => fields[name])
		.map((name) => `${name.toUpperCase()}: ${fields[name]}`);
}
