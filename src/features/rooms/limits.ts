/** Longest name of a room, in characters. */
export const MAX_ROOM_NAME = 60;

/** Longest message, in characters. */
export const MAX_MESSAGE = 2000;

/** Most members of a room. */
export const MAX_MEMBERS = 50;

/** Most rooms of a user. */
export const MAX_ROOMS = 200;
