"""The platform's time axis: vintages, model dates, ingest days, and what a model date may know."""

import dagster as dg

from creditrisk_assets.resources.environments import add_months, settings

_settings = settings()

KEY_FORMAT = "%Y-%m-%d"

vintages = dg.MonthlyPartitionsDefinition(
    start_date=_settings.first_vintage.strftime(KEY_FORMAT),
    end_date=add_months(_settings.last_vintage, 1).strftime(KEY_FORMAT),
    fmt=KEY_FORMAT,
)
"""Month of issue, from the first to the last vintage of the book."""

model_dates = dg.TimeWindowPartitionsDefinition(
    cron_schedule=f"0 0 1 1-12/{_settings.model_every_months} *",
    start=_settings.model_start.strftime(KEY_FORMAT),
    end=add_months(_settings.model_end, _settings.model_every_months).strftime(KEY_FORMAT),
    fmt=KEY_FORMAT,
)
"""As-of dates of models: a model dated 2011-01-01 knows nothing of January 2011."""

ingest_days = dg.DailyPartitionsDefinition(start_date=_settings.first_stream_day.strftime(KEY_FORMAT), end_offset=1)
"""Day (UTC) on which the stream committed a micro-batch; today is one of them."""

_every = _settings.model_every_months

what_a_model_may_know = dg.TimeWindowPartitionMapping(
    start_offset=-len(model_dates.get_partition_keys()) - len(vintages.get_partition_keys()),
    end_offset=-1,
    allow_nonexistent_upstream_partitions=True,
)
"""From a model date to every vintage before it: leak-freedom as declared lineage."""

_window = _settings.training_window
_steps_back = (
    len(model_dates.get_partition_keys()) + len(vintages.get_partition_keys())
    if _window == "expanding"
    else -(-_window // _every)
)

window_of_a_model = dg.TimeWindowPartitionMapping(
    start_offset=-_steps_back, end_offset=-1, allow_nonexistent_upstream_partitions=True
)
"""From a model date to the vintages of its training window, whatever their age: no others can change its posterior."""

models_that_learn_from_a_vintage = dg.TimeWindowPartitionMapping(
    start_offset=1,
    end_offset=len(vintages.get_partition_keys()) if _window == "expanding" else _window,
    allow_nonexistent_upstream_partitions=True,
)
"""From a vintage to the model dates whose windows hold it (and the one it was issued in the quarter of)."""

vintages_after_a_model_date = dg.TimeWindowPartitionMapping(
    end_offset=12 // _every - 1, allow_nonexistent_upstream_partitions=True
)
"""From a model date to the twelve vintages on which it is tested."""

vintages_since_a_model_date = dg.TimeWindowPartitionMapping(
    end_offset=len(vintages.get_partition_keys()), allow_nonexistent_upstream_partitions=True
)
"""From a model date to every vintage that its models may score."""

models_before_a_vintage = dg.TimeWindowPartitionMapping(
    start_offset=-len(vintages.get_partition_keys()), allow_nonexistent_upstream_partitions=True
)
"""From a vintage to every model dated at its start or before: the latest good one scores it."""

models_so_far = dg.TimeWindowPartitionMapping(
    start_offset=1 - len(model_dates.get_partition_keys()), allow_nonexistent_upstream_partitions=True
)
"""From a reporting date to every model dated then or before: the latest good one speaks for its book."""
