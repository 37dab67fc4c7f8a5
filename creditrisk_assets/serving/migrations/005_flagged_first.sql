-- The watch list of everyone: declined first, then referred, each from the highest PD down. Steps of the PD
-- again, so that a row that keeps its step and its decision leaves this index alone too.

CREATE INDEX live_risk_flagged_first ON serving.live_risk (decision, pd_step DESC);
