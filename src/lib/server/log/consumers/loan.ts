import { LoglineError } from '../../../protocol/index.ts';
import { codeOf, isSessionLost } from '../../database/error-code.ts';
import type { Transaction } from '../types.ts';

/** What stands behind a lent object. */
const lentOf = new WeakMap<object, object>();

/** Methods of drizzle and postgres.js that run a function under a savepoint. */
const SCOPES: ReadonlySet<PropertyKey> = new Set(['transaction', 'savepoint']);

/**
 * Lends a transaction until it ends, and refuses what comes later.
 *
 * The clients of applications do not: a statement of postgres.js that is run after the end of its transaction runs on the
 * same connection all the same, where it is committed at once, or is part of what somebody else has begun there. The same
 * happens when the function of a savepoint ends late, and the client rolls back to it. So every call of the transaction, and
 * of what it has returned, is refused after the end, and no function under a savepoint ends. What is asked at the moment of
 * a call also holds for statements that are built early and run late.
 */
export class Loan {
	#isOver = false;
	#isEnded = false;
	readonly #over: Promise<never>;
	#tellOver!: (error: LoglineError) => void;

	constructor() {
		this.#over = new Promise((_, reject) => (this.#tellOver = reject));
		this.#over.catch(() => undefined); // Told by the calls.
	}

	/** Refuses every call from now on. */
	end(): void {
		this.#isEnded = true;
		this.#refuse();
	}

	#refuse(): void {
		this.#isOver = true;
		this.#tellOver(transactionOver());
	}

	/** @returns the same transaction, as long as the loan lasts */
	lend<Tx extends Transaction>(tx: Tx): Tx {
		return this.#guard(tx, { hasParts: true }) as Tx;
	}

	/** Wraps what a client runs in its transaction. After the end of the loan it never settles. */
	during<Tx extends Transaction>(work: (tx: Tx) => unknown): (tx: Tx) => Promise<never> {
		return this.#scope(work, () => this.#isEnded);
	}

	#scope<Tx extends Transaction>(
		work: (tx: Tx) => unknown,
		isOver: () => boolean
	): (tx: Tx) => Promise<never> {
		return (tx) =>
			new Promise((resolve, reject) => {
				const unlessOver =
					<T>(settle: (value: T) => void) =>
					(value: T) => {
						if (!isOver()) settle(value);
					};
				const run = async () => {
					const result = work(this.lend(tx));
					// As postgres.js does: it waits for an array of queries, too.
					return (await (Array.isArray(result)
						? Promise.all(result.map((one) => Promise.resolve(one)))
						: result)) as never;
				};
				run().then(unlessOver(resolve), unlessOver(reject));
			});
	}

	/**
	 * @param of.self the object whose method it is
	 * @param of.name the name of the method
	 * @param of.hasParts its objects are lent, too: drizzle has `tx.query.users.findMany()`
	 */
	#guard(
		target: object,
		of: { self?: object; name?: PropertyKey; hasParts?: boolean } = {}
	): object {
		const lent = new Proxy(target, {
			get: (_, name) => {
				const value: unknown = Reflect.get(target, name, target);
				if (name === 'constructor' || !isObject(value) || isFixed(target, name)) return value;
				if (typeof value !== 'function') {
					return of.hasParts && !Array.isArray(value)
						? this.#guard(value, { hasParts: true })
						: value;
				}
				// Of every function: `call`, `apply`, `bind`. They come back here.
				if (typeof target === 'function' && name in Function.prototype) return value as unknown;
				return this.#guard(value, { self: target, name });
			},
			apply: (method, _, given: unknown[]) => this.#call(method as Method, of, given)
		});
		lentOf.set(lent, target);
		return lent;
	}

	#call(
		method: Method,
		{ self, name }: { self?: object; name?: PropertyKey },
		given: readonly unknown[]
	): unknown {
		if (this.#isOver) throw transactionOver();
		const isScope = name !== undefined && SCOPES.has(name);
		const args = given.map((arg, i) => {
			if (isObject(arg) && lentOf.has(arg)) return lentOf.get(arg);
			if (typeof arg !== 'function') return arg;
			if (isScope) return this.#scope(arg as (tx: Transaction) => unknown, () => this.#isOver);
			return isRejection(name, i) ? this.#noticing(arg as Method) : arg;
		});
		const result = Reflect.apply(method, self, args);
		if (!isObject(result) || Array.isArray(result)) return result;
		return isScope ? Promise.race([Promise.resolve(result), this.#over]) : this.#guard(result);
	}

	/**
	 * Ends the loan when a statement fails because the session is lost, before the handler hears of it: postgres.js runs the
	 * handler's next statement on a new connection, where no transaction is open and it would be committed at once.
	 */
	#noticing(rejected: Method): Method {
		return (error) => {
			if (isSessionLost(codeOf(error))) this.#refuse();
			return rejected(error);
		};
	}
}

type Method = (...args: unknown[]) => unknown;

const isObject = (value: unknown): value is object =>
	typeof value === 'function' || (typeof value === 'object' && value !== null);

const isRejection = (name: PropertyKey | undefined, argument: number) =>
	(name === 'then' && argument === 1) || (name === 'catch' && argument === 0);

/** A proxy must return the very value of such a property. */
function isFixed(target: object, name: PropertyKey): boolean {
	const property = Reflect.getOwnPropertyDescriptor(target, name);
	return property?.configurable === false && property.writable === false;
}

const transactionOver = () =>
	new LoglineError(
		'transaction_over',
		'The transaction of this event is over, and this statement was not run. Either the handler took longer than `timeoutMs`, or it has returned without waiting for the statement, or the connection is lost.'
	);
