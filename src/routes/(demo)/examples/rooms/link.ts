import type { PageLink } from '$src/routes/pages.ts';

export const link: PageLink = { href: '/examples/rooms', label: 'Rooms' };
