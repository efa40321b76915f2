import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A page of the documentation. */
export interface Page {
	/** Path from the root of the project. */
	path: string;
	text: string;
	/** The text without code blocks. */
	prose: string;
}

/** Reads README.md and everything in docs/. */
export async function readPages(): Promise<Page[]> {
	const docs = await readdir('docs', { recursive: true });
	const paths = ['README.md', ...docs.map((name) => join('docs', name))];
	return Promise.all(
		paths
			.filter((path) => path.endsWith('.md'))
			.sort()
			.map(async (path) => {
				const text = await readFile(path, 'utf8');
				return { path, text, prose: text.replace(/^```[^]*?^```$/gm, '') };
			})
	);
}

/** Returns links and pictures of a page, with the link texts. */
export function linksOf({ text, prose }: Page): { label: string; target: string }[] {
	const links = [
		...prose.matchAll(/\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)/g)
	];
	const pictures = [...text.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g)];
	return [
		...links.map(([, label = '', target = '']) => ({
			label: label.replace(/\s+/g, ' '),
			// A target with parentheses or spaces stands between angle brackets.
			target: target.replace(/^<(.*)>$/, '$1')
		})),
		...pictures.map(([, target = '']) => ({ label: '', target }))
	];
}

/** Returns the anchors of the headings of a page, as GitHub creates them. */
export function anchorsOf({ prose }: Pick<Page, 'prose'>): Set<string> {
	return new Set(
		[...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
			heading
				.toLowerCase()
				.replace(/[^\p{L}\p{N} _-]/gu, '')
				.replace(/ /g, '-')
		)
	);
}

/** Returns the cells of the tables of a page, row by row. */
export function rowsOf({ prose }: Page): string[][] {
	return [...prose.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) =>
		row.split('|').map((cell) => cell.trim())
	);
}
