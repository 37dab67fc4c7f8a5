"""What Dagster tells of its runs, sensors and daemons, asked over GraphQL."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric as Family

from creditrisk_assets.serving.metrics import catalogue
from creditrisk_assets.serving.runs import DagsterUnavailableError, asked

TIMEOUT = 4.0
STATUSES = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "SUCCESS", "FAILURE", "CANCELING", "CANCELED")
_COUNTS = "\n".join(
    f"  {status}: runsOrError(filter: {{statuses: [{status}]}}, limit: 1) {{ __typename ... on Runs {{ count }} }}"
    for status in STATUSES
)
QUERY = f"""
query Metrics {{
{_COUNTS}
  instance {{ daemonHealth {{ allDaemonStatuses {{ daemonType required lastHeartbeatTime }} }} }}
  workspaceOrError {{
    __typename
    ... on Workspace {{ locationEntries {{ locationOrLoadError {{
      __typename
      ... on RepositoryLocation {{ repositories {{ sensors {{
        name minIntervalSeconds
        sensorState {{ status ticks(limit: 1) {{ timestamp status }} }}
      }} }} }}
    }} }} }}
  }}
}}
"""


class DagsterMetrics:
    """The metrics of the Dagster whose webserver answers at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self) -> list[Family]:
        """The families; DagsterUnavailableError when it does not answer, or not as it should."""
        return understood(asked(self._url, QUERY, timeout=TIMEOUT))


def understood(answer: Any) -> list[Family]:
    """The families of an answer to QUERY; DagsterUnavailableError when it is none."""
    try:
        return list(_families(answer["data"]))
    except (KeyError, TypeError, IndexError) as error:
        raise DagsterUnavailableError(
            "what answers at CREDITRISK_DAGSTER_URL is no Dagster, or of another version"
        ) from error


def _families(data: Any) -> Iterator[Family]:
    yield catalogue.RUNS.family(((status,), data[status]["count"]) for status in STATUSES)
    daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
    # A daemon that must run and never did has been silent since the beginning of time.
    yield catalogue.HEARTBEAT.family(
        ((one["daemonType"],), one["lastHeartbeatTime"] or 0) for one in daemons if one["required"]
    )
    sensors = {sensor["name"]: sensor for sensor in _ticking(data["workspaceOrError"])}
    ticks = {name: sensor["sensorState"]["ticks"][0] for name, sensor in sensors.items()}
    yield catalogue.SENSOR_TICK.family(((name,), tick["timestamp"]) for name, tick in ticks.items())
    yield catalogue.SENSOR_FAILED.family(((name,), tick["status"] == "FAILURE") for name, tick in ticks.items())
    yield catalogue.SENSOR_INTERVAL.family(((name,), one["minIntervalSeconds"]) for name, one in sensors.items())


def _ticking(workspace: Any) -> Iterator[Any]:
    """Sensors that are switched on and ticked before; none of a location that does not load."""
    for entry in workspace["locationEntries"]:
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", ()):
            for sensor in repository["sensors"]:
                state = sensor["sensorState"]
                if state["status"] == "RUNNING" and state["ticks"]:
                    yield sensor
