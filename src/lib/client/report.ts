/** Runs code of the application. Its errors must not end the stream. */
export function call(run: () => void): void {
	try {
		run();
	} catch (error) {
		report(error);
	}
}

/** Reports an error that ends nothing. */
export function report(error: unknown): void {
	if (typeof reportError === 'function') reportError(error);
	else console.error(error);
}

/** Reports a control event that has not the form that the protocol says. */
export function reportMalformed(name: string): void {
	report(new Error(`The server sent a malformed "${name}"`));
}
