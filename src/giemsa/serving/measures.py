"""Counters and latencies of the server, for Prometheus."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.requests import Request

from giemsa.registry.prediction import ResolvedModel, Row

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
KNOWN = (
    "/",
    "/predict",
    "/explain",
    "/corrections",
    "/models",
    "/healthz",
    "/metrics",
    "/docs",
    "/openapi.json",
)


class Measures:
    """One server's counters; no label holds anything that a request chose freely."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "giemsa_requests", "Requests answered", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "giemsa_request_seconds", "Time to answer", ("path",), buckets=SECONDS, registry=self._registry
        )
        self._images = Counter("giemsa_images", "Images judged", ("outcome",), registry=self._registry)
        self._model = Gauge(
            "giemsa_model_info", "The model that answers", ("model", "data"), registry=self._registry
        )

    @contextmanager
    def timed(self, request: Request) -> Iterator[Callable[[int], None]]:
        """Time a request; the function that is given takes the status of its answer."""
        path = request.url.path if request.url.path in KNOWN else "other"
        begun = time.perf_counter()
        status = [500]
        try:
            yield lambda given: status.__setitem__(0, given)
        finally:
            self._requests.labels(path, str(status[0])).inc()
            self._seconds.labels(path).observe(time.perf_counter() - begun)

    def judged(self, rows: Sequence[Row]) -> None:
        """Count images by what became of them."""
        rejected = sum(row["rejected"] for row in rows)
        self._images.labels("rejected").inc(rejected)
        self._images.labels("accepted").inc(len(rows) - rejected)

    def text(self, model: ResolvedModel) -> str:
        """Give everything in Prometheus' text format."""
        self._model.clear()
        self._model.labels(model.version, model.data).set(1)
        return generate_latest(self._registry).decode()
