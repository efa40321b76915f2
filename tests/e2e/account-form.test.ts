import { expect, it } from 'vitest';
import { form, PASSWORD, signUp } from './account.ts';
import { Stage } from './stage.ts';

const stage = Stage.forEachTest();

/** The focused element: the text of a button, the name of a field, or BODY. */
const FOCUS = `document.activeElement.textContent.trim() === document.body.textContent.trim()
	? 'BODY' : document.activeElement.getAttribute('name') ?? document.activeElement.textContent.trim()`;

it('the button of the form keeps the focus while somebody is signed in, and is not pressed twice', async () => {
	const app = await stage.app();
	await signUp(app, 'ada');
	const { page } = await stage.openPage();
	await page.goto(`${app.url}/login`);
	await page.getByLabel('User name').fill('ada');
	await page.getByLabel('Password').fill('wrong horse battery');
	let asked = 0;
	let answer = () => {};
	const held = new Promise<void>((resolve) => (answer = resolve));
	await page.route('**/login', async (route) => {
		asked++;
		await held;
		await route.continue();
	});
	await page.getByRole('button', { name: 'Sign in', exact: true }).focus();
	await page.keyboard.press('Enter');
	const pending = page.getByRole('button', { name: 'Signing in…' });
	await pending.waitFor();
	expect(await page.evaluate(FOCUS)).toBe('Signing in…');
	await page.keyboard.press('Enter');
	await page.getByLabel('Password').press('Enter');
	await pending.focus();
	answer();
	await page.getByText('The user name or the password is wrong').waitFor();
	expect(await page.evaluate(FOCUS), 'the field to begin with').toBe('username');
	expect(asked).toBe(1);
});

it('who has guessed too often is told in the form when to try again, and what was typed stays', async () => {
	const app = await stage.start({ env: { LOGIN_ATTEMPTS_PER_MINUTE: '3' } });
	const guess = (headers = {}) =>
		fetch(`${app.url}/login`, { ...form({ username: 'bob', password: 'a guess' }), headers });
	for (let n = 0; n < 3; n++) expect((await guess()).status).toBe(400);
	expect((await guess()).status).toBe(429);
	// From now on nothing is read and no page is rendered: a flood costs almost nothing.
	const refused = await guess({ accept: 'text/html' });
	expect(refused.status).toBe(429);
	expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
	const html = await refused.text();
	expect(html).toContain('Too many attempts to sign in. Try again in ');
	expect(html).not.toContain('<form');

	const { page } = await stage.openPage();
	await page.goto(`${app.url}/login`);
	await page.getByLabel('User name').fill('ada');
	await page.getByLabel('Password').fill(PASSWORD);
	await page.getByRole('button', { name: 'Sign in', exact: true }).press('Enter');
	await page.getByText(/^Too many attempts to sign in\. Try again in /).waitFor();
	expect(await page.getByLabel('User name').inputValue()).toBe('ada');
	expect(await page.getByLabel('Password').inputValue()).toBe(PASSWORD);
	expect(await page.evaluate(FOCUS)).toBe('Sign in');
});

it.each([
	{ what: 'without the header', forwarded: null, depth: '1' },
	{ what: 'with fewer addresses in it than there are proxies', forwarded: '192.0.2.7', depth: '2' }
])(
	'behind a proxy that does not tell addresses ($what) people sign in, counted as one, and the log says so',
	async ({ forwarded, depth }) => {
		const app = await stage.start({
			env: { ADDRESS_HEADER: 'X-Forwarded-For', XFF_DEPTH: depth, LOGIN_ATTEMPTS_PER_MINUTE: '3' }
		});
		const send = async (path: string, username: string, password: string) => {
			const headers: Record<string, string> = forwarded ? { 'x-forwarded-for': forwarded } : {};
			const response = await fetch(`${app.url}${path}`, {
				...form({ username, password }),
				headers
			});
			return response.status;
		};
		expect(await send('/signup', 'ada', PASSWORD)).toBe(303);
		expect(await send('/login', 'ada', PASSWORD)).toBe(303);
		for (const name of ['bob', 'eve', 'zoe']) expect(await send('/login', name, 'wrong')).toBe(400);
		expect(await send('/login', 'kim', 'wrong')).toBe(429);
		expect(app.output().match(/Let the proxy send what ADDRESS_HEADER/g)).toHaveLength(1);
	}
);
