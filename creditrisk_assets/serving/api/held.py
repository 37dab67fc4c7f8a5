"""The model in charge while the API runs: looked after beside the requests, and changed in one step.

A request takes the model once and keeps it to its end, so that a new one drops nobody. One that
cannot be loaded, or cannot score, never comes in charge: the old one stays, and `/readyz` says why.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from creditrisk_assets.columns import Table
from creditrisk_assets.contracts import MODELS_PROMOTIONS
from creditrisk_assets.models.rules.reading import PACKAGED as RULES
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.scores.champion import MODELS
from creditrisk_assets.scores.policy import PACKAGED as POLICY
from creditrisk_assets.serving.api.in_charge import InCharge, load

EVERY = 5.0
"""Seconds between two looks at the lake."""

Seen = tuple[object, ...]
LOG = logging.getLogger("creditrisk.api")


class Held:
    """The model in charge of a lake; `error` is why a newer one, or any, is not in charge."""

    def __init__(self, lake: Lake, values: Settings, changed: Callable[[InCharge], None] = lambda model: None) -> None:
        self._lake, self._values, self._changed = lake, values, changed
        self._seen: Seen | None = None
        self._looking = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.model: InCharge | None = None
        self.error: str | None = "not looked yet"

    def look(self) -> None:
        """Take the model that is in charge now, if it changed since; never raises."""
        with self._looking:
            try:
                seen = self.seen()
                if seen != self._seen:
                    self._take(seen)
            except Exception as error:  # whatever is wrong with a new model, the old one goes on
                told = f"{type(error).__name__}: {error}"
                if told != self.error:
                    LOG.error("The model in charge cannot be taken over: %s", told)
                self.error = told

    def _take(self, seen: Seen) -> None:
        model = load(self._lake, self._values)
        if model is None:
            raise ValueError("no posterior in the lake has passed its gates: run the batch job, or make demo")
        model.warm_up()
        self._changed(model)
        self.model, self._seen, self.error = model, seen, None

    def seen(self) -> Seen:
        """Changes whenever the model in charge may have: tables by their versions, files by time and size.

        Raises what the lake raises when it cannot be read.
        """
        tables = (self._version(table) for table in (*MODELS, MODELS_PROMOTIONS))
        files = (self._values.policy or POLICY, self._values.rules or RULES)
        return (*tables, *(_stamp(file) for file in files))

    def _version(self, table: Table) -> Seen | None:
        if not self._lake.exists(table):
            return None
        stored = self._lake.open(table)
        return str(stored.metadata().id), stored.version()

    def start(self, every: float = EVERY) -> None:
        """Look now and then, in a thread, until `close`."""
        self.look()
        self._thread = threading.Thread(target=self._run, args=(every,), name="model in charge", daemon=True)
        self._thread.start()

    def _run(self, every: float) -> None:
        while not self._stopped.wait(every):
            self.look()

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()


def _stamp(file: Path) -> Seen | None:
    try:
        told = file.expanduser().stat()
    except FileNotFoundError:
        return None
    return told.st_mtime_ns, told.st_size
