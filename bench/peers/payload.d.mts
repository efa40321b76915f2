/** See payload.mjs. */
export function payload(): { id: string; type: string; message: string; timestamp: string };
export function message(): Record<string, unknown>;
export const TOPIC: string;
