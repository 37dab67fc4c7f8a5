"""Several processes that commit to one table on S3 at once."""

import os
import subprocess
import sys
from contextlib import ExitStack

from creditrisk_assets.contracts import RAW_EVENTS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.resources import s3_writer

WRITERS, COMMITS = 2, 50


def test_two_writers_with_fifty_commits_each_lose_nothing(bucket: str) -> None:
    root = f"{bucket}/lake"
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-W", "ignore", s3_writer.__file__, root, str(writer), str(COMMITS)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    env=os.environ | {"PYTHONPATH": str(PROJECT)},
                )
            )
            for writer in range(WRITERS)
        ]  # fmt: skip
        for child in children:
            stack.callback(child.kill)
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        acknowledged = []
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            told, _ = child.communicate(timeout=300)
            assert child.returncode == 0
            acknowledged.append(int(told))
    assert acknowledged == [COMMITS] * WRITERS
    lake = Lake(root)
    rows = lake.scan(RAW_EVENTS).collect()
    found = {(row["partition"], row["offset"]) for row in rows.iter_rows(named=True)}
    assert found == {(writer, offset) for writer in range(WRITERS) for offset in range(COMMITS)}
    assert rows.height == WRITERS * COMMITS
    assert lake.version(RAW_EVENTS) == WRITERS * COMMITS
