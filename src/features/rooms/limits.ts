/** Longest name of a room, in characters. */
export const MAX_ROOM_NAME = 60;

/** Longest message, in characters. */
export const MAX_MESSAGE = 2000;

/** Most members of a room. */
export const MAX_MEMBERS = 50;

/** Most rooms of a user. */
export const MAX_ROOMS = 200;

/** How long somebody is shown to type after the last sign of it, in milliseconds. It is sent twice as often. */
export const TYPING_MS = 4000;

/** In how many rooms a page is present. */
export const MAX_PRESENT = 50;
