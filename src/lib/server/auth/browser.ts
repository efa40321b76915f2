/** What a request tells of the browser it comes from. */

/** Everything of a request that signing in looks at, besides the form. */
export interface Browser {
	/** Header `User-Agent`. */
	userAgent: string | null;
	/** Cookie `device`: the same for as long as the browser keeps it, whoever signs in. */
	deviceToken: string | null;
	/** Cookie `auth_session`, valid or not: signing in ends that session. */
	sessionToken: string | null;
}

// First match wins: nearly everyone claims to be Chrome and Safari too.
const NAMES: ReadonlyArray<readonly [RegExp, string]> = [
	[/\bEdg(e|A|iOS)?\//, 'Edge'],
	[/\b(OPR|OPT|Opera)\//, 'Opera'],
	[/\bSamsungBrowser\//, 'Samsung Internet'],
	[/\b(Firefox|FxiOS)\//, 'Firefox'],
	[/(Chrome|Chromium|\bCriOS)\//, 'Chrome'],
	[/\bVersion\/.*\bSafari\//, 'Safari']
];

const SYSTEMS: ReadonlyArray<readonly [RegExp, string]> = [
	[/\biPhone\b|\biPod\b/, 'iPhone'],
	[/\biPad\b/, 'iPad'],
	[/\bAndroid\b/, 'Android'],
	[/\bCrOS\b/, 'ChromeOS'],
	[/\bWindows\b/, 'Windows'],
	[/\bMacintosh\b/, 'macOS'],
	[/\bLinux\b|\bX11\b/, 'Linux']
];

/**
 * Names the browser and the system in words its owner recognises, such as "Chrome on Windows". Says no more than the header
 * does: "Firefox", "a browser on Linux" or "a new browser" when one or both are unknown. An iPad that asks for desktop pages
 * calls itself a Mac, and is called one here.
 */
export function describeBrowser(userAgent: string | null): string {
	const match = (list: typeof NAMES) =>
		list.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
	const name = match(NAMES);
	const system = match(SYSTEMS);
	if (name && system) return `${name} on ${system}`;
	if (name) return name;
	return system ? `a browser on ${system}` : 'a new browser';
}
