-- A decision, once made, is not the stream's to take back: what is old goes through this function alone, which
-- acts as the owner and leaves the newest day alone, whatever it is asked.

CREATE OR REPLACE FUNCTION serving.forget_decisions(keep interval) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH forgotten AS (
        DELETE FROM serving.decisions WHERE ingested_at < now() - greatest(keep, interval '1 day') RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

REVOKE DELETE ON serving.decisions FROM creditrisk_writer;
