import { expect, it } from 'vitest';
import { createEmitWithHistory } from './index.ts';

it.each(['sessionID', 'userId', 'emit'])(
	'an emitter with the option %s is refused: what is meant for one user would go to everyone',
	(name) => {
		const options = { [name]: 'ada' } as { userID?: string };
		expect(() => createEmitWithHistory(options)).toThrow(`not "${name}"`);
	}
);
