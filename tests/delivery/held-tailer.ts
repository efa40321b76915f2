import { vi } from 'vitest';
import { Tailer } from '../../src/lib/server/log/tail.ts';
import type { AppServer } from '../support/app-server.ts';
import type { Scene } from '../support/scene.ts';

/** Adds a server that does not look at the log until it is released. Call `vi.restoreAllMocks` after the test. */
export async function addLateServer(scene: Scene): Promise<{ server: AppServer; release(): void }> {
	const { begin, wake } = Tailer.prototype;
	const begun = vi.spyOn(Tailer.prototype, 'begin').mockImplementation(begin);
	const late = () => begun.mock.contexts[0] as Tailer | undefined;
	const held = vi.spyOn(Tailer.prototype, 'wake').mockImplementation(function (this: Tailer) {
		if (this !== late()) wake.call(this);
	});
	const server = await scene.addServer();
	return {
		server,
		release: () => {
			held.mockRestore();
			late()?.wake();
		}
	};
}
