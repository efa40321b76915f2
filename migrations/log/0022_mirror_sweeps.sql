-- The comparison of a followed table with its grants, and what may happen to the table meanwhile. Written by hand.
--
-- Postgres reads a table's partitions with it, and their indexes have predicates of their own, which are code.
CREATE OR REPLACE FUNCTION logline_may_read(p_table regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
	RETURN coalesce((
		WITH RECURSIVE family AS (
			SELECT p_table::oid AS oid UNION SELECT i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid
		)
		SELECT bool_and(logline_trusts(relowner)) AND has_table_privilege(p_table, 'SELECT') AND NOT row_security_active(p_table)
		FROM family JOIN pg_class USING (oid)), false);
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_may_read(regclass) IS 'True when the owner of the log may read all rows of a table, and runs no code of others by it: predicates of indexes, policies, also those of its partitions and of tables that inherit from it.';
