"""Every metric there is, by the source it is read from: names are an interface, and labels hold no identifiers."""

from creditrisk_assets.serving.metrics.families import Metric

SOURCE_UP = Metric("creditrisk_source_up", "1 where the source answered this scrape in time, else 0.", ("source",))
SOURCE_READ_SECONDS = Metric("creditrisk_source_read_seconds", "Time this scrape took to read the source.", ("source",))

EVENTS = Metric(
    "creditrisk_events_total", "Events applied, by topic and outcome (good or bad).", ("topic", "outcome"), "counter"
)
EVENTS_REPLAYED = Metric(
    "creditrisk_events_replayed_total", "Events decoded anew out of quarantine, after a fix.", ("topic",), "counter"
)
MICRO_BATCHES = Metric("creditrisk_micro_batches_total", "Micro-batches applied.", kind="counter")
DECISIONS = Metric("creditrisk_decisions_total", "Decisions made by the stream.", kind="counter")
RECENT_DECISIONS = Metric(
    "creditrisk_recent_decisions", "Outcome of the newest 10000 decisions, by what was decided on.", ("kind", "outcome")
)
RECENT_RULE_FLAGS = Metric(
    "creditrisk_recent_rule_flags", "Rules that held among the newest 10000 decisions; the 30 most frequent.",
    ("rule",),
)  # fmt: skip
SCORE_TIME = Metric(
    "creditrisk_newest_score_timestamp_seconds", "When the newest micro-batch was applied to the serving tables."
)
EVENT_TO_SCORE = Metric(
    "creditrisk_event_to_score_seconds", "From the broker's time of a good event to its score in the serving tables.",
    ("topic",), "histogram",
)  # fmt: skip
APPLIED_OFFSET = Metric(
    "creditrisk_serving_applied_offset", "First offset not yet applied to the serving tables; newest epoch.",
    ("topic", "partition"),
)  # fmt: skip

TABLE_TIME = Metric("creditrisk_table_last_commit_timestamp_seconds", "When rows of a table last changed.", ("table",))
TABLE_ROWS = Metric("creditrisk_table_rows", "Rows of a table.", ("table",))
TABLE_VERSION = Metric("creditrisk_table_version", "Newest Delta version of a table.", ("table",))
QUARANTINE = Metric(
    "creditrisk_quarantine_rows", "Rows in quarantine by source (a topic, or loan_files) and class of the reason.",
    ("source", "reason"),
)  # fmt: skip
FEATURE_PSI = Metric(
    "creditrisk_feature_psi", "Largest population stability index of the 3 newest vintages; the 30 largest.",
    ("feature",),
)  # fmt: skip
DRIFTED = Metric(
    "creditrisk_drift_features", "Features, score and band by their worst verdict in the 3 newest vintages.",
    ("verdict",),
)  # fmt: skip
CALIBRATION_RATIO = Metric(
    "creditrisk_calibration_observed_expected_ratio",
    "Observed over expected defaults of the 12 newest vintages that could have any, together.",
)
CALIBRATION_LIGHT = Metric(
    "creditrisk_calibration_vintages", "The same vintages, by their light of calibration.", ("light",)
)
EARLY_ALARMS = Metric(
    "creditrisk_early_default_alarms", "The same vintages, those with more early defaults than the model accounts for."
)
REPORTING_DATE = Metric(
    "creditrisk_portfolio_reporting_timestamp_seconds", "Newest reporting date of the expected loss."
)
EXPECTED_LOSS = Metric(
    "creditrisk_portfolio_expected_loss_usd", "Expected loss of the newest reporting date; mean of the draws.",
    ("horizon",),
)  # fmt: skip
BALANCE = Metric("creditrisk_portfolio_balance_usd", "Principal owed at the newest reporting date.")
ALLOWANCE = Metric(
    "creditrisk_portfolio_allowance_usd", "Allowance under IFRS 9 at its newest reporting date, by stage.", ("stage",)
)

LAG = Metric(
    "creditrisk_kafka_consumer_lag", "Offsets in the log that raw/events does not hold yet.", ("topic", "partition")
)
LOG_END = Metric("creditrisk_kafka_log_end_offset", "Offset after the last that may be read.", ("topic", "partition"))

RUNS = Metric("creditrisk_dagster_runs", "Runs that Dagster remembers, by status.", ("status",))
SENSOR_TICK = Metric(
    "creditrisk_dagster_sensor_last_tick_timestamp_seconds", "Last tick of a sensor that is switched on.", ("sensor",)
)
SENSOR_FAILED = Metric(
    "creditrisk_dagster_sensor_failed", "1 where the last tick of the sensor failed, else 0.", ("sensor",)
)
SENSOR_INTERVAL = Metric(
    "creditrisk_dagster_sensor_interval_seconds", "Time between two ticks of the sensor that it asks for.", ("sensor",)
)
HEARTBEAT = Metric(
    "creditrisk_dagster_daemon_last_heartbeat_timestamp_seconds", "Last heartbeat of a daemon that must run.",
    ("daemon",),
)  # fmt: skip

ALL: dict[str, Metric] = {one.name: one for one in list(globals().values()) if isinstance(one, Metric)}
"""Every metric by its name."""
