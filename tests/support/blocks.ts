import { readFile } from 'node:fs/promises';

/** A code block of a page. */
export interface CodeBlock {
	/** The name after the fence. */
	language: string;
	/** The file named in its first line; null: it is only an example. */
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
