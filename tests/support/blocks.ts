import { readFile } from 'node:fs/promises';

/** A code block of a page. */
export interface CodeBlock {
	/** The name after the fence. */
	language: string;
	/** The file named in its first line; null: it is only an example. */
	file: string | null;
	code: string;
	/** The heading above it (of level 2); '' before the first. */
	section: string;
}

/** Reads the code blocks of a Markdown page, in order. */
export async function readBlocks(page: string): Promise<CodeBlock[]> {
	const text = await readFile(page, 'utf8');
	const headings = [...text.matchAll(/^## (.*)$/gm)];
	return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
		({ index, 1: language = '', 2: code = '' }) => ({
			language,
			file: /^(?:\/\/|<!--) (src\/\S+)/.exec(code)?.[1] ?? null,
			code,
			section: headings.findLast((heading) => heading.index < index)?.[1] ?? ''
		})
	);
}
