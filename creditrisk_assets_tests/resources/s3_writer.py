"""A process that commits to a table on S3 again and again: `python s3_writer.py ROOT WRITER COMMITS`.

It says when it is ready, begins with a line on its input, and says how many commits were acknowledged.
"""

import sys

from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.streaming.events import Events
from creditrisk_assets_tests.streaming.test_stream_tables import messages, span


def write(root: str, writer: int, commits: int) -> None:
    """Append one message a commit, each writer from a partition of its own."""
    events = Events(Lake(root), patience=60)
    events.create()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(commits):
        one = span(number, number + 1, partition=writer)
        events.take(messages(one), [one])
    sys.stdout.write(f"{commits}\n")


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
