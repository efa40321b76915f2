/** What a field of an event may hold when any SQL client may publish, besides what it should. */
const ODD: Readonly<Record<string, unknown>> = {
	null: null,
	'a number': 42,
	'a boolean': true,
	'an empty list': [],
	'a list of anything': ['a', 1, null, {}],
	'an empty object': {},
	'a nested object': { a: { b: [{ c: null }] } },
	'an object that cannot be made text': { toString: 1, valueOf: null },
	'the name of a property of every object': 'constructor',
	'no time and no id': 'x'
};

/**
 * Returns payloads with one field that is odd or missing, for each field and for those of objects in it.
 *
 * @param good a payload as it should be
 */
export function oddPayloads(
	good: Readonly<Record<string, unknown>>
): [name: string, data: object][] {
	return Object.entries(good).flatMap(([field, value]) => {
		const { [field]: _, ...without } = good;
		const odd = Object.entries(ODD).map(([name, of]): [string, object] => [
			`${field} is ${name}`,
			{ ...good, [field]: of }
		]);
		const inner = isRecord(value)
			? oddPayloads(value).map(([name, of]): [string, object] => [
					`${field}.${name}`,
					{ ...good, [field]: of }
				])
			: [];
		return [[`${field} is missing`, without], ...odd, ...inner];
	});
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
