import type { SSETopicsMap } from 'logline';

export type Notification = SSETopicsMap['notifications'];

export interface NotificationEvent {
	topic: 'notifications';
	data: Notification;
}

/** Newest first. Never changed in place. */
export type NotificationsState = readonly Notification[];

/** How many notifications the view keeps. The log has the rest. */
export const MAX_NOTIFICATIONS = 50;

export const initialNotifications: NotificationsState = Object.freeze([]);

/**
 * Returns the notifications after one more, at most {@link MAX_NOTIFICATIONS}.
 *
 * @returns a new state
 */
export function reduceNotifications(
	state: NotificationsState,
	event: NotificationEvent
): NotificationsState {
	return [event.data, ...state.slice(0, MAX_NOTIFICATIONS - 1)];
}
