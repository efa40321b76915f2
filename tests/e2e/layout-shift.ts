import type { Page } from 'playwright-core';

/**
 * Observes how far things on a page move without being asked to, from the next page that is opened on.
 *
 * @returns returns the sum of all shifts since the page was opened, those after a click or a key included
 * @see https://wicg.github.io/layout-instability/
 */
export async function watchShifts(page: Page): Promise<() => Promise<number>> {
	await page.addInitScript(() => {
		const state = globalThis as unknown as { shifts: { value: number; what: string[] }[] };
		state.shifts = [];
		new PerformanceObserver((list) => {
			for (const entry of list.getEntries()) {
				const { value, sources } = entry as unknown as {
					value: number;
					sources: { node: Node | null }[];
				};
				const what = sources.map(
					({ node }) => (node as Element | null)?.outerHTML?.slice(0, 120) ?? ''
				);
				state.shifts.push({ value, what });
			}
		}).observe({ type: 'layout-shift', buffered: true });
	});
	return async () => {
		const shifts = await page.evaluate(
			() => (globalThis as unknown as { shifts: { value: number; what: string[] }[] }).shifts
		);
		const sum = shifts.reduce((total, { value }) => total + value, 0);
		// So that a failure says what moved.
		if (sum > 0.02 || process.env.LOGLINE_SHOW_SHIFTS) {
			console.log(JSON.stringify(shifts, null, 1));
		}
		return sum;
	};
}
