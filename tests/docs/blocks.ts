import { readFile } from 'node:fs/promises';

/** A block of code in a page. */
export interface CodeBlock {
	/** As named behind the fence. */
	language: string;
	/** What its first line names as its file; null: it is only an example. */
	file: string | null;
	code: string;
}

/** Reads the code blocks of a Markdown page, in order. */
export async function readBlocks(page: string): Promise<CodeBlock[]> {
	const text = await readFile(page, 'utf8');
	return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({
		language,
		file: /^(?:\/\/|<!--) (src\/\S+)/.exec(code)?.[1] ?? null,
		code
	}));
}
