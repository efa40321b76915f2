import { LoglineError, type Topic, type TopicRegistry } from '../../../protocol/index.ts';
import type { SoleConnection } from '../../database/sole-connection.ts';
import type { Logger } from '../../work/logger.ts';
import type { LogEvent, Transaction } from '../types.ts';
import { ConsumedTopics } from './consumed-topics.ts';
import { OneConsumer } from './one-consumer.ts';
import type {
	ConsumedEvent,
	Consumer,
	ConsumeOptions,
	ConsumerHandler,
	EventHandler
} from './types.ts';

/** Longest name of a consumer, in characters. */
const MAX_NAME = 100;

type Any = Pick<OneConsumer<Transaction>, keyof OneConsumer<Transaction>>;

/** The consumers of a process. */
export class Consumers {
	readonly #parts: { topics: TopicRegistry; schema: string; logger: Logger };
	readonly #all = new Map<string, Any>();
	#connection: SoleConnection | null = null;
	#tail: () => bigint = () => 0n;
	#stopped = false;

	constructor(parts: { topics: TopicRegistry; schema: string; logger: Logger }) {
		this.#parts = parts;
	}

	/** Adds one. It begins with the log, or now if the log runs. See `Logline.consume`. */
	add<K extends Topic, Tx extends Transaction>(
		name: string,
		topics: readonly K[],
		handler: ConsumerHandler<K, Tx>,
		options: ConsumeOptions<Tx>
	): Consumer {
		if (this.#stopped) throw new LoglineError('draining', 'The server is shutting down.', 503, 1);
		if (!/^[\w][\w .:/-]*$/.test(name) || name.length > MAX_NAME) {
			throw new LoglineError(
				'invalid_consumer',
				`The name of a consumer has 1 to ${MAX_NAME} letters, digits, spaces or _.:/-, and begins with a letter or digit.`
			);
		}
		if (this.#all.has(name)) {
			throw new LoglineError(
				'invalid_consumer',
				`This process already has a consumer "${name}". Stop it first, or use another name.`
			);
		}
		checkOptions(options);
		const consumed = new ConsumedTopics(this.#parts.topics, topics);
		const consumer = new OneConsumer<Tx>({
			...this.#parts,
			name,
			topics: consumed,
			handler: this.#inTodaysShape(handler),
			options
		});
		this.#all.set(name, consumer);
		if (this.#connection) consumer.begin(this.#connection, this.#tail());
		return {
			name,
			get failing() {
				return consumer.failing;
			},
			get lag() {
				return consumer.lag;
			},
			stop: async () => {
				await consumer.stop();
				if (this.#all.get(name) === consumer) this.#all.delete(name);
			}
		};
	}

	/** An `upcast` that throws fails its event, as the handler would. */
	#inTodaysShape<K extends Topic, Tx extends Transaction>(
		handler: ConsumerHandler<K, Tx>
	): EventHandler<Tx> {
		return ({ given, topic, hasData }, tx) => {
			// The type of its topics was checked by `consume`.
			const event = given as unknown as ConsumedEvent<K>;
			const upcast = this.#parts.topics.get(topic)?.upcast;
			if (!upcast || !hasData) return handler(event, tx);
			const today: unknown = { ...event, data: upcast(event.data) };
			return handler(today as typeof event, tx);
		};
	}

	/** For `health`. */
	get all(): { name: string; failing: boolean }[] {
		return [...this.#all.values()].map(({ name, failing }) => ({
			name: `consumer ${name}`,
			failing
		}));
	}

	/**
	 * @param connection used only by the consumers, which also close it
	 * @param tail newest id that this process has read
	 */
	begin(connection: SoleConnection, tail: () => bigint): void {
		this.#connection = connection;
		this.#tail = tail;
		for (const consumer of this.#all.values()) consumer.begin(connection, tail());
	}

	/** Call it with events that have just been read. */
	wake(events: readonly LogEvent[]): void {
		for (const consumer of this.#all.values()) consumer.wake(events);
	}

	/** @param graceMs how long the handlers that run may take */
	async stop(graceMs: number): Promise<void> {
		this.#stopped = true;
		await Promise.all([...this.#all.values()].map((consumer) => consumer.stop(graceMs)));
		await this.#connection?.end();
	}
}

function checkOptions<Tx extends Transaction>(options: ConsumeOptions<Tx>): void {
	const { transaction, from, timeoutMs = 1, attempts = 1, backOffMs = 1 } = options;
	if (![undefined, 'beginning', 'now'].includes(from)) {
		throw invalid("`from` is 'beginning' or 'now'.");
	}
	if (typeof transaction !== 'function') {
		throw invalid(
			'Pass `transaction`: (work) => db.transaction(work), or (work) => sql.begin(work).'
		);
	}
	if (!(timeoutMs >= 1 && timeoutMs <= 2 ** 31 - 1)) {
		throw invalid('`timeoutMs` is a number of milliseconds, 1 or more.');
	}
	if (!(Number.isInteger(attempts) && attempts >= 1 && attempts <= 1000)) {
		throw invalid('`attempts` is a whole number from 1 to 1000.');
	}
	if (!(backOffMs >= 1 && backOffMs <= 86_400_000)) {
		throw invalid('`backOffMs` is a number of milliseconds from 1 to a day.');
	}
}

const invalid = (message: string) => new LoglineError('invalid_consumer', message);
