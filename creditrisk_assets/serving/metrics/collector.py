"""All sources in one scrape: each in its own thread and within a time, so that one that is down breaks nothing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from creditrisk_assets.serving.metrics import catalogue

TIMEOUT = 5.0
"""Seconds that a scrape waits for its sources; Prometheus itself gives up after ten."""

Read = Callable[[], list[Family]]
_log = logging.getLogger("creditrisk.exporter")


@dataclass(frozen=True)
class _Done:
    """What a source told, and how long it took to do so, in seconds."""

    families: list[Family]
    seconds: float


class StateCollector(Collector):
    """Reads every source when Prometheus asks, and keeps no figure of its own.

    A source that raises or takes longer than `timeout` seconds is told as down by creditrisk_source_up, and its
    families are absent. One that still hangs from an earlier scrape is not asked a second time meanwhile.
    """

    def __init__(self, sources: Mapping[str, Read], timeout: float = TIMEOUT) -> None:
        self._sources, self._timeout = dict(sources), timeout
        self._reading: dict[str, Future[_Done]] = {}
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Family]:
        """The families of every source that answers, and which do."""
        with self._lock:
            begun = {name: self._begin(name) for name in self._sources if self._is_free(name)}
            wait(begun.values(), self._timeout)
            done = {name: self._result(name, begun.get(name)) for name in self._sources}
        yield catalogue.SOURCE_UP.family(((name,), one is not None) for name, one in done.items())
        told = {name: one for name, one in done.items() if one is not None}
        yield catalogue.SOURCE_READ_SECONDS.family(((name,), one.seconds) for name, one in told.items())
        for one in told.values():
            yield from one.families

    def _is_free(self, name: str) -> bool:
        return name not in self._reading or self._reading[name].done()

    def _begin(self, name: str) -> Future[_Done]:
        """A thread that nobody has to wait for, not even at the end of the process."""
        future: Future[_Done] = Future()
        self._reading[name] = future
        threading.Thread(target=_read, args=(self._sources[name], future), name=f"read {name}", daemon=True).start()
        return future

    def _result(self, name: str, future: Future[_Done] | None) -> _Done | None:
        if future is None or not future.done():
            self._say(name, f"no answer within {self._timeout:g} s")
            return None
        error = future.exception()
        self._say(name, "" if error is None else f"{type(error).__name__}: {error}")
        return future.result() if error is None else None

    def _say(self, name: str, what: str) -> None:
        """Once, not at every scrape."""
        if self._said.get(name, "") != what:
            self._said[name] = what
            if what:
                _log.warning("%s cannot be read: %s", name, what)
            else:
                _log.warning("%s can be read again", name)


def _read(read: Read, future: Future[_Done]) -> None:
    """Whatever goes wrong with a source is told as its being down, and logged with its reason."""
    begin = time.monotonic()
    try:
        families = read()
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(_Done(families, time.monotonic() - begin))
