-- What the rules say of an application, beside what the model does; empty for what customers do, and for
-- applications that were scored before there were rules.

ALTER TABLE serving.live_risk
    ADD COLUMN tier text,
    ADD COLUMN watchlist boolean,
    ADD COLUMN rule_reasons text,
    ADD COLUMN rules text;

ALTER TABLE serving.decisions
    ADD COLUMN tier text,
    ADD COLUMN watchlist boolean,
    ADD COLUMN rule_reasons text,
    ADD COLUMN rules text;
