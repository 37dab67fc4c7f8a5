"""Asks the Dagster inside Compose over GraphQL; piped into the code server's container by compose.sh.

Standard library only, so that what is asked is asked from outside the platform.
"""

import json
import sys
import time
import urllib.request

OPERATE, VIEW = "http://webserver:3000/operate/graphql", "http://webserver-read-only:3000/view/graphql"
PATIENCE = 3600
LAUNCH = """
mutation Launch($of: ExecutionParams!) {
  launchRun(executionParams: $of) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}
"""
BACKFILL = """
mutation Backfill($of: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $of) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""


def asked(question: str, where: str = OPERATE, **variables: object) -> dict:
    """The data of an answer; a failed question ends this."""
    body = json.dumps({"query": question, "variables": variables}).encode()
    request = urllib.request.Request(where, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        told = json.load(answer)
    if told.get("errors"):
        sys.exit(f"{where}: {told['errors']}")
    return told["data"]


def of_job(name: str) -> dict:
    """What runs a job of the platform."""
    where = {"repositoryLocationName": "creditrisk", "repositoryName": "__repository__", "pipelineName": name}
    return {"selector": where, "runConfigData": {}, "mode": "default"}


def followed(question: str, field: str, identifier: str, good: str, bad: tuple[str, ...]) -> None:
    """Wait until the status is good; a bad one ends this."""
    begin = time.monotonic()
    while (status := asked(question, id=identifier)[field]["status"]) != good:
        if status in bad or time.monotonic() - begin > PATIENCE:
            sys.exit(f"{identifier} ended as {status}")
        time.sleep(1)


def backfill(first: str, months: str) -> None:
    """Vintages from `first` on, raw and features, as a person starts it from the UI."""
    year, month = map(int, first.split("-"))
    names = [f"{year + (month - 1 + i) // 12}-{(month - 1 + i) % 12 + 1:02}-01" for i in range(int(months))]
    keys = ["raw/loans", "raw/loans_quarantine", "raw/loans_ledger", "features/loans"]
    of = {"assetSelection": [{"path": key.split("/")} for key in keys], "partitionNames": names}
    launched = asked(BACKFILL, of=of)["launchPartitionBackfill"]
    if "backfillId" not in launched:
        sys.exit(f"backfill refused: {launched}")
    question = (
        "query Q($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
    )
    followed(question, "partitionBackfillOrError", launched["backfillId"], "COMPLETED_SUCCESS",
             ("FAILED", "COMPLETED_FAILED", "CANCELED"))  # fmt: skip
    print(f"backfill of {len(names)} vintages: {names[0]} to {names[-1]} materialised")


def job(name: str) -> None:
    """A job, to its end."""
    launched = asked(LAUNCH, of=of_job(name))["launchRun"]
    if "run" not in launched:
        sys.exit(f"{name} refused: {launched}")
    question = "query Q($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
    followed(question, "runOrError", launched["run"]["runId"], "SUCCESS", ("FAILURE", "CANCELED"))
    print(f"job {name}: run succeeded")


def viewer() -> None:
    """The read-only webserver shows runs, and launches none."""
    count = "{ runsOrError { ... on Runs { count } } }"
    before = asked(count, VIEW)["runsOrError"]["count"]
    told = asked(LAUNCH, VIEW, of=of_job("batch"))["launchRun"]["__typename"]
    after = asked(count, VIEW)["runsOrError"]["count"]
    if told != "UnauthorizedError" or before != after:
        sys.exit(f"a viewer was answered {told}, and {after - before} runs were made")
    print(f"launchRun of a viewer: {told}; runs before and after: {before}")


def drained() -> None:
    """How runs of the stream ended so far."""
    question = '{ runsOrError(filter: {pipelineName: "drain_stream"}) { ... on Runs { results { status } } } }'
    print("drain_stream:", ", ".join(one["status"] for one in asked(question)["runsOrError"]["results"]))


{"backfill": backfill, "job": job, "viewer": viewer, "drained": drained}[sys.argv[1]](*sys.argv[2:])
