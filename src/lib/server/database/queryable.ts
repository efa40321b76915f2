/** Runs one prepared statement: Lanes, a SoleConnection or a PgSession. int8 values are returned as text. */
export interface Queryable {
	/**
	 * @param signal when it aborts, a statement that still waits for a connection is rejected (`CONNECTION_UNWANTED`)
	 * @throws errors of the driver; `isTransient` says which of them may pass
	 */
	query<Row extends object>(
		text: string,
		parameters: (string | number | null)[],
		signal?: AbortSignal
	): Promise<Row[]>;
}
