import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Makes `N passed, N failed` the very last line of the output, whatever happened before. */
export default class CountReporter implements Reporter {
	#passed = 0;
	#failed = 0;
	#skipped = 0;

	onInit(): void {
		// At exit, because the default reporter and the teardown print after the run has ended.
		process.once('exit', (code) => {
			if (code !== 0 && this.#failed === 0) this.#failed = 1;
			const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
			process.stdout.write(`${this.#passed} passed, ${this.#failed} failed${skipped}\n`);
		});
	}

	onTestRunEnd(
		modules: ReadonlyArray<TestModule>,
		unhandledErrors: ReadonlyArray<SerializedError>
	): void {
		this.#passed = this.#failed = this.#skipped = 0;
		// What fails outside a test (an import, a hook, a leak, a stray rejection) counts as one failure each.
		this.#failed += unhandledErrors.length;
		for (const module of modules) {
			this.#failed += module.errors().length;
			for (const suite of module.children.allSuites()) this.#failed += suite.errors().length;
			for (const test of module.children.allTests()) {
				const { state } = test.result();
				if (state === 'passed') this.#passed++;
				else if (state === 'failed') this.#failed++;
				else this.#skipped++;
			}
		}
	}
}
