import { redirect } from '@sveltejs/kit';
import { signIn } from '../../auth.server';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ cookies, url }) => {
	await signIn(cookies, url.searchParams.get('name') ?? 'somebody');
	redirect(303, '/orders');
};
