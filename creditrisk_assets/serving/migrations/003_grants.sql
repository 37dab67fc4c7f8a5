-- The stream writes and forgets, everyone else reads.

GRANT USAGE ON SCHEMA serving TO creditrisk_writer, creditrisk_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA serving TO creditrisk_writer, creditrisk_reader;
GRANT INSERT, UPDATE ON
    serving.live_risk, serving.stream, serving.stream_offsets, serving.stream_counters, serving.stream_latency
    TO creditrisk_writer;
GRANT INSERT, DELETE ON serving.decisions TO creditrisk_writer;
REVOKE EXECUTE ON FUNCTION serving.forget_decisions(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION serving.forget_decisions(interval) TO creditrisk_writer;

-- A micro-batch arrives in a temporary table.
DO $$ BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO creditrisk_writer', current_database());
END $$;
