import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Prints the names of failed tests, and then `N passed, N failed` as the very last line of the output. */
export default class CountReporter implements Reporter {
	#passed = 0;
	#failures: string[] = [];
	#skipped = 0;

	onInit(): void {
		// At exit, because the default reporter and the teardown print after the run has ended.
		process.once('exit', (code) => {
			if (code !== 0 && this.#failures.length === 0) this.#failures.push('the run itself');
			for (const failure of this.#failures) process.stdout.write(`failed: ${failure}\n`);
			const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
			process.stdout.write(`${this.#passed} passed, ${this.#failures.length} failed${skipped}\n`);
		});
	}

	onTestRunEnd(
		modules: ReadonlyArray<TestModule>,
		unhandledErrors: ReadonlyArray<SerializedError>
	): void {
		this.#passed = this.#skipped = 0;
		// Each failure outside a test (an import, a hook, a leak, an unhandled rejection) counts as one.
		this.#failures = unhandledErrors.map(({ message }) => message);
		const note = (module: TestModule, what: string, message = '') => {
			const [reason] = message.split('\n', 1);
			this.#failures.push(`${module.relativeModuleId}: ${what}: ${reason}`);
		};
		for (const module of modules) {
			for (const error of module.errors()) note(module, 'the file', error.message);
			for (const suite of module.children.allSuites()) {
				for (const error of suite.errors()) note(module, suite.fullName, error.message);
			}
			for (const test of module.children.allTests()) {
				const { state, errors } = test.result();
				if (state === 'passed') this.#passed++;
				else if (state === 'failed') note(module, test.fullName, errors[0]?.message);
				else this.#skipped++;
			}
		}
	}
}
