-- Losses of grants, each looked up by an index: see the reason above logline_relay() in 0013_ended_and_fenced.sql. The join of
-- the events to the rows that they close went by user and scope, and once read all open rows for each loss: a page of 2,000
-- losses among 30,000 grants held the lock for twenty seconds. Only the holder of the lock writes grant_history, so the rows do
-- not move meanwhile.
CREATE OR REPLACE FUNCTION logline_apply_losses(p_rows int) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET enable_seqscan = off AS $$
DECLARE
	all_pairs bigint[];
	scopes text[];
	users text[];
BEGIN
	BEGIN
		LOCK TABLE grants IN ACCESS SHARE MODE NOWAIT;
	EXCEPTION WHEN lock_not_available THEN
		RETURN false;
	END;
	all_pairs := ARRAY(SELECT n FROM grant_losses WHERE scope IS NULL);
	IF cardinality(all_pairs) > 0 THEN
		SELECT array_agg(scope), array_agg(user_id) INTO scopes, users FROM (
			SELECT h.scope, h.user_id FROM grant_history h
			WHERE h.until_id IS NULL AND (SELECT true FROM grants g
				WHERE g.user_id = h.user_id AND g.scope = h.scope LIMIT 1) IS NULL
			LIMIT p_rows
		) AS lost;
		IF coalesce(cardinality(scopes), 0) < p_rows THEN
			DELETE FROM grant_losses WHERE n = ANY (all_pairs);
		END IF;
	ELSE
		WITH taken AS (
			DELETE FROM grant_losses WHERE n = ANY (ARRAY(SELECT n FROM grant_losses ORDER BY n LIMIT p_rows))
			RETURNING scope, user_id
		)
		SELECT array_agg(scope), array_agg(user_id) INTO scopes, users
		FROM (SELECT DISTINCT scope, user_id FROM taken ORDER BY user_id, scope) AS pairs;
	END IF;
	PERFORM set_config('logline.applying', 'on', true);
	WITH lost AS MATERIALIZED (
		SELECT p.scope, p.user_id, open.place, row_number() OVER () AS n
		FROM unnest(scopes, users) AS p(scope, user_id)
			CROSS JOIN LATERAL (
				SELECT h.ctid AS place FROM grant_history h
				WHERE h.user_id = p.user_id AND h.scope = p.scope AND h.until_id IS NULL LIMIT 1
			) AS open
		WHERE (SELECT true FROM grants g WHERE g.user_id = p.user_id AND g.scope = p.scope LIMIT 1) IS NULL
	), told AS MATERIALIZED (
		INSERT INTO events (topic, user_id, data)
		SELECT '$revoked', user_id, jsonb_build_object('scope', scope) FROM lost ORDER BY n
		RETURNING id
	), pairs AS MATERIALIZED (
		SELECT (SELECT array_agg(place ORDER BY n) FROM lost) AS places, (SELECT array_agg(id ORDER BY id) FROM told) AS ids
	)
	UPDATE grant_history h SET until_id = i.id
	FROM pairs, unnest(pairs.places, pairs.ids) AS i(place, id) WHERE h.ctid = i.place;
	PERFORM set_config('logline.applying', 'off', true);
	RETURN true;
END
$$;
--> statement-breakpoint
COMMENT ON FUNCTION logline_apply_losses(int) IS 'Closes grants that are no longer there, and appends "$revoked" for each. Called under the lock of the log. False: another transaction holds the table grants.';
