/** See payload.mjs. */
export function payload(): { id: string; type: string; message: string; timestamp: string };
export const TOPIC: string;
