import { describe, expect, it } from 'vitest';
import { describeBrowser } from './browser.ts';

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('a browser is named in words its owner recognises', () => {
	it.each([
		[
			'Chrome on Windows',
			`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/138.0.0.0 Safari/537.36`
		],
		[
			'Edge on Windows',
			`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0`
		],
		[
			'Opera on Linux',
			`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/120.0.0.0 Safari/537.36 OPR/106.0.0.0`
		],
		['Firefox on Linux', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
		['Firefox on Android', 'Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0'],
		[
			'Firefox on iPhone',
			'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15'
		],
		[
			'Safari on macOS',
			'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15'
		],
		[
			'Safari on iPhone',
			'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
		],
		[
			'Safari on iPad',
			'Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1'
		],
		[
			'Chrome on iPhone',
			'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.0.0 Mobile/15E148 Safari/604.1'
		],
		[
			'Chrome on Android',
			`Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/138.0.0.0 Mobile Safari/537.36`
		],
		[
			'Samsung Internet on Android',
			`Mozilla/5.0 (Linux; Android 14; SM-S921B) ${WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36`
		],
		[
			'Chrome on ChromeOS',
			`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${WEBKIT} Chrome/138.0.0.0 Safari/537.36`
		],
		[
			'Chrome on Linux',
			`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/138.0.0.0 Safari/537.36`
		]
	])('%s', (expected, userAgent) => {
		expect(describeBrowser(userAgent)).toBe(expected);
	});
});

describe('it claims no more than the header says', () => {
	it.each([
		['a new browser', null],
		['a new browser', ''],
		['a new browser', 'curl/8.5.0'],
		['a new browser', 'Safari'],
		['a new browser', '<script>alert(1)</script> Chromatic/1'],
		['a browser on Linux', 'Mozilla/5.0 (X11; Linux x86_64) Something/1.0'],
		['Firefox', 'Firefox/140.0']
	])('%s, for %j', (expected, userAgent) => {
		expect(describeBrowser(userAgent)).toBe(expected);
	});
});
