"""How Dagster keeps its history: the text of dagster.yaml, the same for a laptop and a cluster but for the storage."""

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
sensors:
  use_threads: true
  num_workers: 4
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
retention:
  sensor:
    purge_after_days: {skipped: 7, failure: 30, success: 30}
  schedule:
    purge_after_days: 90
"""

POSTGRES_YAML = """\
storage:
  postgres:
    postgres_url:
      env: CREDITRISK_POSTGRES_URL
"""
"""Runs, events and ticks in the database of the serving tables, in its schema `public`."""


def dagster_yaml(postgres: bool) -> str:
    """dagster.yaml; with `postgres` the variable CREDITRISK_POSTGRES_URL must be set wherever Dagster runs.

    Write its scheme as `postgresql+psycopg2` (see `serving.connection.sqlalchemy_url`) where SQLAlchemy is
    2.1 or newer: its default driver is not the one that dagster-postgres brings.
    """
    return DAGSTER_YAML + (POSTGRES_YAML if postgres else "")
