"""What Dagster tells of its runs, asked over GraphQL: this module knows its answers, not its code."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import polars as pl

TIMEOUT = 1.5
LIMIT = 25
LONGEST_ANSWER = 2_000_000
STREAM_ASSET = ("raw", "events")

QUERY = """
query Dashboard($limit: Int!, $asset: AssetKeyInput!) {
  runsOrError(limit: $limit) {
    __typename
    ... on Runs { results { runId jobName status creationTime startTime endTime } }
    ... on Error { message }
  }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
  assetOrError(assetKey: $asset) {
    __typename
    ... on Asset {
      assetMaterializations(limit: 1) {
        timestamp
        metadataEntries { label ... on IntMetadataEntry { intValue } ... on FloatMetadataEntry { floatValue } }
      }
    }
  }
}
"""

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "run_id": pl.String, "job": pl.String, "status": pl.String, "created": pl.Datetime("us", "UTC"),
    "seconds": pl.Float64,
}  # fmt: skip
RUNS = pl.Schema(_COLUMNS)


class DagsterUnavailableError(RuntimeError):
    """Dagster does not answer, or not as it should; the message says what to do."""


@dataclass(frozen=True)
class Orchestration:
    """`runs` newest first; `lag` in messages as the stream last told it at `lag_at`; daemons that should be well.

    `runs`: run_id, job, status, created, seconds (of finished and started runs).
    """

    runs: pl.DataFrame
    lag: int | None
    lag_at: datetime | None
    ill: tuple[str, ...]


def orchestration(url: str, timeout: float = TIMEOUT, limit: int = LIMIT) -> Orchestration:
    """The newest runs of the Dagster at `url`; DagsterUnavailableError within about `timeout` seconds."""
    return understood(asked(url, QUERY, {"limit": limit, "asset": {"path": list(STREAM_ASSET)}}, timeout))


def asked(url: str, query: str, variables: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> Any:
    """The answer of the Dagster at `url` to a query; DagsterUnavailableError within about `timeout` seconds."""
    question = {"query": query, "variables": variables or {}}
    if not url.startswith(("http://", "https://")):
        raise DagsterUnavailableError(f"CREDITRISK_DAGSTER_URL is {url!r}: write it as http://host:port")
    request = urllib.request.Request(  # noqa: S310 - the scheme has been looked at
        f"{url.rstrip('/')}/graphql", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return json.loads(answer.read(LONGEST_ANSWER))
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        raise DagsterUnavailableError(
            f"Dagster does not answer at {url} ({reason}): start it with `make demo`, or set CREDITRISK_DAGSTER_URL"
        ) from error


def understood(answer: Any) -> Orchestration:
    """The answer to QUERY; DagsterUnavailableError when it is none."""
    try:
        data = answer["data"]
        found = data["runsOrError"]
        if "results" not in found:
            raise DagsterUnavailableError(f"Dagster cannot tell its runs ({found.get('message', 'no reason given')})")
        lag, lag_at = _lag(data["assetOrError"])
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        ill = tuple(one["daemonType"] for one in daemons if one["required"] and not one["healthy"])
        return Orchestration(_runs(found["results"]), lag, lag_at, ill)
    except (KeyError, TypeError, IndexError) as error:
        raise DagsterUnavailableError(
            "what answers at CREDITRISK_DAGSTER_URL is no Dagster, or of another version"
        ) from error


def _runs(results: list[dict[str, Any]]) -> pl.DataFrame:
    rows = [
        (
            one["runId"],
            one["jobName"],
            one["status"],
            datetime.fromtimestamp(one["creationTime"], UTC),
            one["endTime"] - one["startTime"] if one["startTime"] and one["endTime"] else None,
        )
        for one in results
    ]
    return pl.DataFrame(rows, schema=RUNS, orient="row")


def _lag(asset: dict[str, Any]) -> tuple[int | None, datetime | None]:
    for told in asset.get("assetMaterializations") or []:
        for entry in told["metadataEntries"]:
            if entry["label"] == "lag":
                value = entry.get("intValue", entry.get("floatValue"))
                stamp = datetime.fromtimestamp(float(told["timestamp"]) / 1000, UTC)
                return (None if value is None else int(value)), stamp
    return None, None


def asset_link(url: str, table: str) -> str:
    """The page of a table in the Dagster UI."""
    return f"{url.rstrip('/')}/assets/{quote(table)}"


def run_link(url: str, run_id: str) -> str:
    """The page of a run in the Dagster UI."""
    return f"{url.rstrip('/')}/runs/{quote(run_id, safe='')}"
