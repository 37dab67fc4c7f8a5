-- What officers decided otherwise than the model, and why. Rows are added and never changed.
-- A decision is named by its place in the stream, or by the date of the model that scored a booked loan.

CREATE TABLE serving.overrides (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text COLLATE "C" NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (kind IN ('loan', 'application', 'behaviour')),
    model_date date NOT NULL,
    topic text,
    epoch integer,
    partition integer,
    "offset" bigint,
    overridden text NOT NULL CHECK (overridden IN ('approve', 'refer', 'decline')),
    decision text NOT NULL CHECK (decision IN ('approve', 'refer', 'decline')),
    reason text NOT NULL CHECK (char_length(reason) <= 2000 AND char_length(btrim(reason, E' \t\r\n')) >= 10),
    officer text NOT NULL CHECK (char_length(officer) <= 200 AND btrim(officer) <> ''),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (num_nonnulls(topic, epoch, partition, "offset") = CASE kind WHEN 'loan' THEN 0 ELSE 4 END)
);
COMMENT ON TABLE serving.overrides IS 'Decisions that officers took otherwise than the model, with their reasons; append-only.';

CREATE INDEX overrides_of_a_subject ON serving.overrides (subject, number DESC);

CREATE FUNCTION serving.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'serving.overrides is append-only: record another override instead'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON serving.overrides
    FOR EACH STATEMENT EXECUTE FUNCTION serving.refuse_change();
-- Also for sessions that replicate, which skip ordinary triggers.
ALTER TABLE serving.overrides ENABLE ALWAYS TRIGGER append_only;

-- Neither number nor time of an override is the officer's to choose.
GRANT USAGE ON SCHEMA serving TO creditrisk_officer;
GRANT SELECT ON ALL TABLES IN SCHEMA serving TO creditrisk_officer;
GRANT SELECT ON serving.overrides TO creditrisk_writer, creditrisk_reader;
GRANT INSERT (subject, kind, model_date, topic, epoch, partition, "offset", overridden, decision, reason, officer)
    ON serving.overrides TO creditrisk_officer;
