"""Dashboards as code: `make dashboards` writes the JSON in dashboards/, and a test compares both."""

from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, Threshold, ThresholdsMode

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = DataSourceRef(type_val="prometheus", uid="creditrisk-prometheus")
Panel = stat.Panel | timeseries.Panel
Query = tuple[str, str]
"""Expression, and the legend of its series."""


def _query(number: int, expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))


def figure(title: str, expression: str, unit: str, *, red: float | None = None, legend: str = "") -> stat.Panel:
    """One number, which turns red from `red` on."""
    steps = [Threshold(value=None, color="green")]
    if red is not None:
        steps.append(Threshold(value=red, color="red"))
    limits = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    panel = stat.Panel().title(title).datasource(SOURCE).unit(unit).thresholds(limits).span(4).height(4)
    return panel.graph_mode(BigValueGraphMode.NONE).with_target(_query(0, expression, legend).instant())


def curves(title: str, unit: str, *queries: Query, told: str = "") -> timeseries.Panel:
    """Series over time, with a legend below."""
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = timeseries.Panel().title(title).description(told).datasource(SOURCE).unit(unit).span(12).height(8)
    panel = panel.legend(legend.show_legend(True)).min(0)
    for number, (expression, name) in enumerate(queries):
        panel = panel.with_target(_query(number, expression, name).range())
    return panel


def board(uid: str, title: str, since: str, *rows: tuple[str, list[Panel]]) -> dashboard.Dashboard:
    """A dashboard of titled rows; nobody changes it but by this file."""
    made = dashboard.Dashboard(title).uid(uid).tags(["creditrisk"]).time(since, "now").timezone("utc").refresh("30s")
    made = made.readonly().tooltip(DashboardCursorSync.CROSSHAIR)
    numbers = count(1)
    for name, panels in rows:
        made = made.with_row(dashboard.Row(name).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(panel.id(next(numbers)))
    return made


def stream() -> dashboard.Dashboard:
    """Is the stream well: rate, errors, duration; then what causes them."""
    bad = 'sum(rate(creditrisk_events_total{outcome="bad"}[5m])) / (sum(rate(creditrisk_events_total[5m])) > 0)'
    by_outcome = "sum by (topic, outcome) (rate(creditrisk_events_total[5m]))"
    p50 = "histogram_quantile(0.5, sum by (le, topic) (rate(creditrisk_event_to_score_seconds_bucket[5m])))"
    return board(
        "creditrisk-stream", "Credit risk: stream", "now-3h",
        ("Now", [
            figure("Events", "sum(rate(creditrisk_events_total[5m]))", "cps"),
            figure("Into quarantine", bad, "percentunit", red=0.05),
            figure("Event to score, p95", "max(creditrisk:event_to_score_seconds:p95_5m)", "s", red=30),
            figure("Behind", "sum(creditrisk_kafka_consumer_lag)", "short", red=1000),
            figure("Newest score", "time() - creditrisk_newest_score_timestamp_seconds", "s", red=900),
            figure("Sources down", "count(creditrisk_source_up) - sum(creditrisk_source_up)", "short", red=1),
        ]),
        ("Rate, errors, duration", [
            curves("Events", "cps", (by_outcome, "{{topic}} {{outcome}}")),
            curves("From event to score", "s", (p50, "{{topic}} p50"),
                   ("creditrisk:event_to_score_seconds:p95_5m", "{{topic}} p95")),
            curves("Lag by partition", "short", ("creditrisk_kafka_consumer_lag", "{{topic}}/{{partition}}"),
                   told="Offsets in the log that raw/events does not hold yet."),
            curves("Rows in quarantine", "short", ("creditrisk_quarantine_rows", "{{source}} {{reason}}")),
        ]),
        ("Decisions", [
            curves("Decisions", "cps", ("rate(creditrisk_decisions_total[5m])", "decisions")),
            curves("Outcome of the newest decisions", "percentunit",
                   ("creditrisk_recent_decisions / on (kind) group_left () "
                    "sum by (kind) (creditrisk_recent_decisions)", "{{kind}} {{outcome}}")),
            curves("Rules that held among them", "short", ("creditrisk_recent_rule_flags", "{{rule}}")),
            curves("Micro-batches", "cps", ("rate(creditrisk_micro_batches_total[5m])", "micro-batches"),
                   ("sum(rate(creditrisk_events_replayed_total[5m]))", "messages replayed out of quarantine")),
        ]),
    )  # fmt: skip


def model() -> dashboard.Dashboard:
    """Is the model still right, and what will the portfolio lose?"""
    coverage = "sum(creditrisk_portfolio_allowance_usd) / (sum(creditrisk_portfolio_balance_usd) > 0)"
    lights = ("creditrisk_calibration_vintages", "{{light}}")
    return board(
        "creditrisk-model", "Credit risk: model and portfolio", "now-30d",
        ("Now", [
            figure("Observed over expected", "creditrisk_calibration_observed_expected_ratio", "short"),
            figure("Red vintages", 'creditrisk_calibration_vintages{light="red"}', "short", red=1),
            figure("Early-default alarms", "creditrisk_early_default_alarms", "short", red=1),
            figure("Drifted", 'creditrisk_drift_features{verdict="drifted"}', "short", red=1),
            figure("Largest PSI", "max(creditrisk_feature_psi)", "short", red=0.25),
            figure("Allowance over balance", coverage, "percentunit"),
        ]),
        ("Model", [
            curves("PSI, the ten largest", "short", ("topk(10, creditrisk_feature_psi)", "{{feature}}")),
            curves("Features by verdict", "short", ("creditrisk_drift_features", "{{verdict}}")),
            curves("Vintages by light", "short", lights),
            curves("Observed over expected", "short", ("creditrisk_calibration_observed_expected_ratio", "ratio")),
        ]),
        ("Portfolio", [
            curves("Expected loss", "currencyUSD", ("creditrisk_portfolio_expected_loss_usd", "{{horizon}}")),
            curves("Allowance by stage", "currencyUSD", ("creditrisk_portfolio_allowance_usd", "stage {{stage}}")),
            curves("Age of the reporting date", "s",
                   ("time() - creditrisk_portfolio_reporting_timestamp_seconds", "age")),
        ]),
    )  # fmt: skip


def platform() -> dashboard.Dashboard:
    """Does Dagster work, and is every table as new as it should be?"""
    heartbeat = "time() - creditrisk_dagster_daemon_last_heartbeat_timestamp_seconds"
    tick = "time() - creditrisk_dagster_sensor_last_tick_timestamp_seconds"
    return board(
        "creditrisk-platform", "Credit risk: platform", "now-24h",
        ("Now", [
            figure("Runs at work", 'sum(creditrisk_dagster_runs{status=~"STARTING|STARTED"})', "short"),
            figure("Runs waiting", 'creditrisk_dagster_runs{status="QUEUED"}', "short"),
            figure("Failed within the hour", 'delta(creditrisk_dagster_runs{status="FAILURE"}[1h])', "short", red=1),
            figure("Longest silent daemon", f"max({heartbeat})", "s", red=120),
            figure("Failing sensors", "sum(creditrisk_dagster_sensor_failed)", "short", red=1),
            figure("Exporter", 'up{job="creditrisk"}', "short"),
        ]),
        ("Dagster", [
            curves("Runs by status", "short", ("creditrisk_dagster_runs", "{{status}}")),
            curves("Since the last tick", "s", (tick, "{{sensor}}"),
                   ("creditrisk_dagster_sensor_interval_seconds", "{{sensor}} asks for")),
            curves("Since the last heartbeat", "s", (heartbeat, "{{daemon}}")),
            curves("Cost of a scrape", "s", ("creditrisk_source_read_seconds", "{{source}}")),
        ]),
        ("Tables", [
            curves("Age", "s", ("time() - creditrisk_table_last_commit_timestamp_seconds", "{{table}}")),
            curves("Rows", "short", ("creditrisk_table_rows", "{{table}}")),
            curves("Commits within the hour", "short", ("delta(creditrisk_table_version[1h])", "{{table}}")),
        ]),
    )  # fmt: skip


def documents() -> dict[str, str]:
    """The JSON of every dashboard by the name of its file."""
    made = {"stream.json": stream(), "model.json": model(), "platform.json": platform()}
    encoded = JSONEncoder(sort_keys=True, indent=2)
    return {name: encoded.encode(one.build()) + "\n" for name, one in made.items()}


if __name__ == "__main__":
    for name, text in documents().items():
        (FOLDER / name).write_text(text)
