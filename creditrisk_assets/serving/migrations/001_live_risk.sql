-- The newest risk of every application and customer, and every decision made on the way there.
-- A place (topic, epoch, partition, offset) is the event of the stream that decided a row.

CREATE TABLE serving.live_risk (
    kind text NOT NULL,
    subject text COLLATE "C" NOT NULL,
    pd double precision NOT NULL,
    pd_low double precision NOT NULL,
    pd_high double precision NOT NULL,
    pd_term double precision,
    pd_term_low double precision,
    pd_term_high double precision,
    points integer NOT NULL,
    band smallint NOT NULL,
    decision text NOT NULL,
    decision_probability double precision NOT NULL,
    reasons text[] NOT NULL,
    contributions double precision[] NOT NULL,
    policy text NOT NULL,
    model_date date NOT NULL,
    feature_set text NOT NULL,
    as_of timestamptz NOT NULL,
    event_id text NOT NULL,
    topic text COLLATE "C" NOT NULL,
    epoch integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    ingested_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    pd_step smallint GENERATED ALWAYS AS (width_bucket(pd, ARRAY[
        .01, .02, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95
    ])) STORED,
    PRIMARY KEY (subject, kind)
) WITH (fillfactor = 75);
COMMENT ON TABLE serving.live_risk IS 'Newest risk of every application and customer; one row each.';

-- Steps of the PD find the worst rows, and a row that stays on its step leaves every index alone, which
-- makes its update twice as fast. The newest rows are found through the decisions.
CREATE INDEX live_risk_worst_first ON serving.live_risk (pd_step DESC);

CREATE TABLE serving.decisions (
    topic text NOT NULL,
    epoch integer NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    pd double precision NOT NULL,
    pd_low double precision NOT NULL,
    pd_high double precision NOT NULL,
    points integer NOT NULL,
    band smallint NOT NULL,
    decision text NOT NULL,
    decision_probability double precision NOT NULL,
    reasons text[] NOT NULL,
    contributions double precision[] NOT NULL,
    policy text NOT NULL,
    model_date date NOT NULL,
    feature_set text NOT NULL,
    as_of timestamptz NOT NULL,
    event_id text NOT NULL,
    ingested_at timestamptz NOT NULL,
    PRIMARY KEY (topic, epoch, partition, "offset")
);
COMMENT ON TABLE serving.decisions IS 'Every decision made, as it was made; the newest days only.';

CREATE INDEX decisions_newest_first ON serving.decisions (ingested_at DESC);

-- Rows older than `keep` go; the next vacuum gives their room to new ones.
CREATE FUNCTION serving.forget_decisions(keep interval) RETURNS bigint LANGUAGE sql AS $$
    WITH forgotten AS (
        DELETE FROM serving.decisions WHERE ingested_at < now() - keep RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;
