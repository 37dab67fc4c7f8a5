"""The process of the development broker: from its options to its end by a signal."""

import asyncio
import contextlib
import logging
import resource
import signal
from collections.abc import Callable, Sequence

from creditrisk_assets.local.broker.node import BrokerSettings
from creditrisk_assets.local.broker.server import Server

WHAT_IT_IS = (
    "This is the development broker: it speaks the Kafka protocol on this machine only. It is not Apache Kafka: "
    "one node, no replication, no transactions, no passwords."
)


def run(settings: BrokerSettings, topics: Sequence[tuple[str, int]], tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `tell` gets what the person at the terminal should know."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _allow_many_files()
    asyncio.run(_serve(settings, topics, tell))


async def _serve(settings: BrokerSettings, topics: Sequence[tuple[str, int]], tell: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = Server(settings)
    try:
        for name, partitions in topics:
            server.node.ensure_topic(name, partitions)
        await server.start()
        tell(WHAT_IT_IS)
        tell(f"Ready at {server.bootstrap}, data in {settings.data}. Ctrl-C ends it.")
        await stop.wait()
    finally:
        await server.stop()
    tell("Stopped; everything acknowledged is kept.")


def _allow_many_files() -> None:
    """Every partition keeps a file open; systems often allow few until asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # some systems do not let the soft limit reach the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
