/** Nothing on a page moves because something came. */
import { expect, it } from 'vitest';
import { watchShifts } from './layout-shift.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** Of each topic: what the demo writes in a minute, and more. */
const EVENTS = 40;

/** A good page has less than 0.1 (https://web.dev/articles/cls). */
const MOST_SHIFT = 0.02;

it.each([
	{ width: 360, height: 740 },
	{ width: 1440, height: 900 }
])('with a minute of live data, at $width px', async (viewport) => {
	const app = await stage.start();
	const reader = await stage.openPage({ viewport });
	const { page } = reader;
	const shifts = await watchShifts(page);
	await reader.signUp(app.url, 'ada');
	await reader.visit(app.url);
	for (let n = 1; n <= EVENTS; n++) {
		await stage.publish('notifications', `a notice ${n}`);
		await stage.publish('logs', `a line ${n}`);
		// Some come in one moment, as after an absence.
		if (n % 20 > 9) await reader.shows('Logs', `a line ${n}`);
		if (n === 20) await reader.reply();
	}
	expect(await shifts(), 'the start page').toBeLessThan(MOST_SHIFT);

	await page.goto(`${app.url}/log`);
	await page.getByText('Live', { exact: true }).first().waitFor();
	for (let n = 1; n <= EVENTS; n++) {
		await stage.publish('logs', `the log ${n}`);
		if (n % 20 > 9) await page.getByText(`the log ${n}`).first().waitFor();
	}
	expect(await shifts(), 'the log').toBeLessThan(MOST_SHIFT);
});

it('a shift is seen by this test', async () => {
	const app = await stage.start();
	const { page } = await stage.openPage();
	const shifts = await watchShifts(page);
	await page.goto(`${app.url}/login`);
	await page.evaluate(async () => {
		const drawn = () => new Promise((resolve) => requestAnimationFrame(resolve));
		await drawn();
		document.querySelector('main')!.style.paddingTop = '200px';
		await drawn();
	});
	await expect.poll(shifts).toBeGreaterThan(MOST_SHIFT);
});
