/** What a request says about its browser. */

/** Everything in a request that sign-in uses, besides the form. */
export interface Browser {
	/** Header `User-Agent`. */
	userAgent: string | null;
	/** Cookie `device`. It stays the same while the browser keeps it, for all its users. */
	deviceToken: string | null;
	/** Result of `networkOf` for its address. */
	network: string;
	/** Cookie `auth_session`, valid or not: signing in ends that session. */
	sessionToken: string | null;
}

// The first match counts: nearly every browser also claims to be Chrome and Safari.
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
 * Describes browser and system so that the owner recognises them, for example "Chrome on Windows". When one or both are
 * unknown: "Firefox", "a browser on Linux" or "a new browser". An iPad that requests desktop pages calls itself a Mac, and
 * is called one here.
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
