"""A metric as declared, and its samples as what the Prometheus client writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

Value = float | int
Row = tuple[tuple[str, ...], Value]
"""Values of the labels, in the order of the declaration, and the figure."""


@dataclass(frozen=True)
class Metric:
    """What is told: name by the conventions of Prometheus (prefix, base unit, _total for counters), meaning, labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "histogram"] = "gauge"

    def family(self, rows: Iterable[Row]) -> Family:
        """The samples of a gauge or a counter."""
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        made = kind(self.name, self.meaning, labels=self.labels)
        for labels, value in rows:
            made.add_metric(labels, value)
        return made

    def of(self, value: Value) -> Family:
        """The one sample of a metric without labels."""
        return self.family([((), value)])

    def histogram(self, rows: Iterable[tuple[tuple[str, ...], Sequence[tuple[str, Value]], Value]]) -> Family:
        """Samples of a histogram: labels, cumulated counts by upper bound up to +Inf, sum of what was measured."""
        made = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, buckets, total in rows:
            made.add_metric(labels, buckets, total)
        return made
