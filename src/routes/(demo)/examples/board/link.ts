import type { PageLink } from '../../pages.ts';

export const link: PageLink = { href: '/examples/board', label: 'Board' };
