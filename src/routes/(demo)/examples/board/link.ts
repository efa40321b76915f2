import type { PageLink } from '$src/routes/pages.ts';

export const link: PageLink = { href: '/examples/board', label: 'Board' };
