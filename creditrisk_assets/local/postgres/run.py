"""The process of the local PostgreSQL: from its options to its end by a signal."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

from creditrisk_assets.local.postgres.server import EmbeddedPostgres, PostgresSettings


def run(settings: PostgresSettings, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `tell` gets what the person at the terminal should know.

    PostgresError when the server cannot start, or ends by itself.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    with EmbeddedPostgres(settings) as server:
        for folder in server.opened:
            tell(f"PostgreSQL does not run as root but as nobody, who may now pass through {folder} (not read it).")
        tell(f"PostgreSQL is ready on this machine only, data in {server.cluster.folder}. Ctrl-C ends it. Set:")
        tell(f"CREDITRISK_POSTGRES_URL={server.url()}")
        while not asked.wait(0.5):
            server.check()
    tell("Stopped; everything committed is kept.")
