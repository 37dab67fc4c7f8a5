-- How far the stream has come, and what it met on the way; written in the transaction of the rows.

CREATE TABLE serving.stream (
    is_the_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_the_only_row),
    ingested_at timestamptz NOT NULL,
    micro_batches bigint NOT NULL,
    events bigint NOT NULL,
    decisions bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE serving.stream IS 'The newest micro-batch applied, and how many there were.';

CREATE TABLE serving.stream_offsets (
    topic text NOT NULL,
    epoch integer NOT NULL,
    partition integer NOT NULL,
    end_offset bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, epoch, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE serving.stream_offsets IS 'First offset not yet applied, by partition.';

CREATE TABLE serving.stream_counters (
    topic text NOT NULL,
    event_type text NOT NULL,
    events bigint NOT NULL,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    replayed bigint NOT NULL,
    flags bigint NOT NULL,
    PRIMARY KEY (topic, event_type)
) WITH (fillfactor = 50);
COMMENT ON TABLE serving.stream_counters IS
    'Events applied, those without a readable type as unreadable; replayed: out of quarantine, after a fix.';

CREATE TABLE serving.stream_latency (
    topic text NOT NULL,
    at_most double precision NOT NULL,
    events bigint NOT NULL,
    microseconds bigint NOT NULL,
    PRIMARY KEY (topic, at_most)
) WITH (fillfactor = 50);
COMMENT ON TABLE serving.stream_latency IS
    'Seconds from the broker to here: good events above the bound before and up to this one, and their sum.';
