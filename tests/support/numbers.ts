/** @returns that many numbers, one after the other */
export const numbers = (count: number, from = 1): number[] =>
	Array.from({ length: count }, (_, i) => i + from);
