/** A page, as the top bar links to it. */
export interface PageLink {
	href: string;
	label: string;
}

// Each example brings its own link. So an example can be deleted without a change here.
const examples = import.meta.glob<PageLink>('./(demo)/examples/*/link.ts', {
	eager: true,
	import: 'link'
});

/** The pages for users who are signed in. */
export const PAGES: readonly PageLink[] = [
	{ href: '/', label: 'Story' },
	{ href: '/log', label: 'Log' },
	...Object.values(examples)
];
