"""What Prometheus is told of the API: requests, their seconds, what came of applications, and the model in charge."""

import time
from collections import Counter as Tally
from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from creditrisk_assets.serving.api.in_charge import InCharge

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The series of one process. Labels are few and known beforehand: no identifier, and no path as it was typed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("creditrisk_api_requests_total", "Requests answered", ("route", "status"),
                                registry=self.registry)  # fmt: skip
        self.seconds = Histogram("creditrisk_api_request_seconds", "Time to answer", ("route",), buckets=SECONDS,
                                 registry=self.registry)  # fmt: skip
        self.applications = Counter("creditrisk_api_applications_total", "Applications by what came of them",
                                    ("outcome",), registry=self.registry)  # fmt: skip
        self.model = Gauge("creditrisk_api_model_info", "1 for the model in charge",
                           ("feature_set", "model_date", "policy", "rules"), registry=self.registry)  # fmt: skip
        self.since = Gauge("creditrisk_api_model_loaded_timestamp_seconds", "When it came in charge",
                           registry=self.registry)  # fmt: skip
        self.stale = Gauge("creditrisk_api_model_stale", "1 while a newer model, or any, cannot be taken over",
                           registry=self.registry)  # fmt: skip

    def answered(self, decisions: Iterable[str]) -> None:
        """Applications were answered."""
        for decision, count in Tally(decisions).items():
            self.applications.labels(decision).inc(count)

    def took(self, model: InCharge) -> None:
        """Another model is in charge."""
        self.model.clear()
        self.model.labels(**model.model, policy=model.scoring.policy.version, rules=model.rules.version).set(1)
        self.since.set_to_current_time()

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware: counts requests and their seconds by route and status."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._kept: dict[tuple[str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on, and count what was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def told(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            requests, seconds = self._series(route, status)
            requests.inc()
            seconds.observe(time.perf_counter() - start)

    def _series(self, route: str, status: int) -> tuple[Any, Any]:
        """Kept, since to look a series up by its labels takes longer than to count."""
        key = route, status
        if key not in self._kept:
            self._kept[key] = self._metrics.requests.labels(route, str(status)), self._metrics.seconds.labels(route)
        return self._kept[key]
