import { fail, redirect, type ActionFailure, type RequestEvent } from '@sveltejs/kit';
import { failureOf } from 'logline/server';
import type { User } from '$src/accounts/user.ts';
import { getApp } from '$src/app/app.ts';
import { readFirstState } from '$src/features/rooms/first-state.server.ts';
import type { RoomsFailure } from '$src/features/rooms/action-form.ts';
import { createRoom, invite, leave, say } from '$src/features/rooms/rooms.server.ts';
import type { Actions, PageServerLoad } from './$types';

const PAGE = '/examples/rooms';

export const load: PageServerLoad = async ({ locals, url, untrack }) => {
	const { user } = locals;
	// In the browser, another room is only another view of what is there: nothing is loaded for it.
	const wanted = untrack(() => url.searchParams.get('room'));
	if (!user) redirect(303, signIn(wanted));
	return { user, ...(await readFirstState(getApp(), user, wanted)) };
};

export const actions: Actions = {
	create: (event) =>
		act(event, 'create', (user, { field }) =>
			createRoom(getApp(), user, { kind: field('kind'), name: field('name') })
		),
	invite: (event) =>
		act(event, 'invite', async (user, { field, room }) => {
			await invite(getApp(), user, room, field('username'));
			return room;
		}),
	leave: (event) =>
		act(event, 'leave', async (user, { room }) => {
			await leave(getApp(), user, room);
			return null;
		}),
	say: (event) =>
		act(event, 'say', async (user, { field, room }) => {
			await say(getApp(), user, room, field('text'));
			return room;
		})
};

interface Typed {
	/** Returns a field of the form. It may be missing, or be a file: then it is empty. */
	field: (name: string) => string;
	/** The scope of the room on the page. */
	room: string;
}

/**
 * Handles a form of the page. Success is a redirect, so that a reload does not send the form again. A refusal returns the
 * page with the reason and with what was typed.
 *
 * @param work returns the scope of the room that is shown next; null: any
 */
async function act(
	{ request, locals, url }: RequestEvent,
	action: RoomsFailure['action'],
	work: (user: User, typed: Typed) => Promise<string | null>
): Promise<ActionFailure<RoomsFailure>> {
	const room = url.searchParams.get('room') ?? '';
	if (!locals.user) redirect(303, signIn(room));
	const form = await request.formData();
	const field = (name: string) => {
		const value = form.get(name);
		return typeof value === 'string' ? value : '';
	};
	let next: string | null;
	try {
		next = await work(locals.user, { field, room });
	} catch (error) {
		const failure = failureOf(error);
		if (!failure) throw error;
		const typed = ['name', 'kind', 'username', 'text'].map((name) => [name, field(name)]);
		return fail(failure.status, {
			action,
			problem: failure.message,
			typed: Object.fromEntries(typed) as RoomsFailure['typed']
		});
	}
	redirect(303, pageOf(next));
}

const pageOf = (room: string | null) => (room ? `${PAGE}?${new URLSearchParams({ room })}` : PAGE);

const signIn = (room: string | null) =>
	`/login?${new URLSearchParams({ redirectTo: pageOf(room) })}`;
