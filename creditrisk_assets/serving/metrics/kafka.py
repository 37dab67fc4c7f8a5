"""How far raw/events is behind the broker: the end of every log against the offsets committed in the lake."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client.metrics_core import Metric as Family

from creditrisk_assets.contracts import RAW_EVENTS, TOPICS
from creditrisk_assets.resources.delta import Lake
from creditrisk_assets.serving.metrics import catalogue

if TYPE_CHECKING:  # the client of Kafka costs every process .3 s
    from creditrisk_assets.streaming.log import Log

PATIENCE = 1.5


class KafkaMetrics:
    """The metrics of the intake; one client, made anew after a failure. Not for several threads.

    `arguments` are those of the Kafka client (`streaming.connection.client_arguments`).
    """

    def __init__(self, lake: Lake, arguments: Mapping[str, Any], patience: float = PATIENCE) -> None:
        self._lake, self._arguments, self._patience = lake, arguments, patience
        self._log: Log | None = None

    def __call__(self) -> list[Family]:
        """The families; KafkaUnavailableError or LakeUnavailableError when one of both does not answer."""
        from creditrisk_assets.streaming.errors import StreamError
        from creditrisk_assets.streaming.events import Events
        from creditrisk_assets.streaming.log import Log
        from creditrisk_assets.streaming.offsets import lag

        if self._log is None:
            self._log = Log(self._arguments, TOPICS, patience=self._patience)
        try:
            marks = self._log.watermarks()
        except StreamError:
            self.close()
            raise
        positions = Events(self._lake).positions(marks) if self._lake.exists(RAW_EVENTS) else {}
        behind = sorted(lag(positions, marks).items())
        ends = sorted(marks.items())
        return [
            catalogue.LAG.family(((place.topic, str(place.partition)), count) for place, count in behind),
            catalogue.LOG_END.family(((place.topic, str(place.partition)), bounds.end) for place, bounds in ends),
        ]

    def close(self) -> None:
        """Leave the broker; the next use connects again."""
        log, self._log = self._log, None
        if log is not None:
            log.close()
