"""Score cells with a trained model's folder: LiteRT alone, one interpreter per core."""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giemsa.errors import UsageError
from giemsa.evaluation.appearance import appearance
from giemsa.evaluation.rejection import Rejection
from giemsa.training.bundle import read_info
from giemsa.training.calibration import softmax

# Views that a thread takes at a time, at most. More make the network no faster: at 8 the cost of a call has
# vanished, and what the layers pass on still fits a core's cache.
SHARE = 8


@dataclass(frozen=True)
class Scores:
    """What a model says about ``n`` cells.

    Args:
        logits: shape ``(n, classes)``, float32, as the network gave them for the view as it lies.
        features: shape ``(n, d)``, float32, the penultimate layer.
        probabilities: shape ``(n, classes)``, float64, calibrated; each row sums to 1. Where the view as it
            lies left more doubt than the model's ``doubt`` allows, the mean over its eight orientations.
        labels: index of the likeliest class, shape ``(n,)``; stated for rejected cells too.
        confidence: probability of that class, shape ``(n,)``.
        rejected: whether the picture is no cell of a known kind, shape ``(n,)``.
        reasons: why it was rejected, one clear phrase each; empty where it was not.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    rejected: NDArray[np.bool_]
    reasons: tuple[str, ...]


class Scorer:
    """A trained model, ready to score from any number of threads at once.

    A picture's scores depend on that picture alone: neither its neighbours in a batch nor the number of
    workers changes a bit of them.

    Args:
        bundle: the model's folder.
        pooled: score on threads of its own, one per core; else on whichever thread asks, which then keeps
            an interpreter: for callers that decode and score on one thread per core.

    Raises:
        UsageError: if the folder holds no model, an unreadable one or one that another version wrote.
    """

    def __init__(self, bundle: Path, *, pooled: bool = True) -> None:
        self.info = read_info(bundle)
        self.classes = self.info.classes
        self.image = self.info.image
        self._rejection = Rejection.load(bundle, self.info.rejection)
        self._model = _read(bundle / "network.tflite")
        self._local = threading.local()
        self._workers = len(os.sched_getaffinity(0)) if pooled else 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="scorer") if pooled else None
        self._try(bundle)

    def score(self, views: NDArray[np.uint8]) -> Scores:
        """Score views, shape ``(n, size, size, 3)``, RGB.

        Raises:
            ValueError: if the views have another shape.
        """
        self._check(views)
        logits, features, looks = self._each(self._everything, views)
        probabilities = softmax(logits, self.info.temperature)
        doubtful = probabilities.max(axis=1) < self.info.doubt
        if doubtful.any():
            probabilities[doubtful] = self._from_all_sides(views[doubtful], probabilities[doubtful])
        labels = probabilities.argmax(axis=1)
        rejected, reasons = self._rejection.judge(looks, logits, features)
        confidence = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
        return Scores(logits, features, probabilities, labels, confidence, rejected, reasons)

    def activations(self, views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give logits, shape ``(n, classes)``, and features, shape ``(n, d)``, of views as for ``score``."""
        self._check(views)
        logits, features = self._each(self._run, views)
        return logits, features

    def looks(self, views: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Describe what the views look like, shape ``(n, k)``, for the rejection; see ``appearance``."""
        (looks,) = self._each(lambda share: (appearance(share),), views)
        return looks

    def _from_all_sides(self, views: NDArray[np.uint8], upright: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the mean probabilities over all eight orientations; those of the first are known."""
        others = np.concatenate(orientations(views)[1:])
        logits, _ = self._each(self._run, others)
        seen = softmax(logits, self.info.temperature).reshape(-1, *upright.shape)
        mean: NDArray[np.float64] = (upright + seen.sum(axis=0)) / (1 + len(seen))
        return mean

    def _try(self, bundle: Path) -> None:
        """Score one view: what does not fit together is found here, not in the middle of the work."""
        size = self.image.size
        try:
            fits = self.score(np.zeros((1, size, size, 3), np.uint8)).logits.shape == (1, len(self.classes))
        except (KeyError, RuntimeError, TypeError, ValueError):
            fits = False
        if not fits:
            message = f"{bundle} holds a model that this version cannot use: train the model again."
            raise UsageError(message)

    def _each(
        self, work: Callable[[NDArray[np.uint8]], tuple[NDArray[Any], ...]], views: NDArray[np.uint8]
    ) -> tuple[NDArray[Any], ...]:
        """Do a piece of work on every share, on all cores, and join what it gives."""
        if not len(views):  # LiteRT takes no empty batch, but it alone knows the shapes
            return tuple(each[:0] for each in self._each(work, np.zeros((1, *views.shape[1:]), np.uint8)))
        size = min(SHARE, -(-len(views) // self._workers))
        starts = range(0, len(views), size)
        remaining, done = iter(starts), dict[int, tuple[NDArray[Any], ...]]()

        def take() -> None:  # one task for each core, not for each share: handing out tasks is not free
            try:
                for start in remaining:
                    done[start] = work(views[start : start + size])
            finally:
                deque(remaining, maxlen=0)  # after a failure there is nothing left for anybody

        if self._pool is None:
            take()
        else:
            tasks = [self._pool.submit(take) for _ in range(min(self._workers, len(starts)))]
            try:
                for task in tasks:
                    task.result()
            finally:
                deque(remaining, maxlen=0)  # after an interrupt, too
        return tuple(map(np.concatenate, zip(*(done[start] for start in starts), strict=True)))

    def _everything(self, share: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        return *self._run(share), appearance(share)

    def _run(self, share: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self._network()(share)

    def _check(self, views: NDArray[np.uint8]) -> None:
        size = self.image.size
        if views.ndim != 4 or views.shape[1:] != (size, size, 3):  # noqa: PLR2004
            message = f"views must have shape (n, {size}, {size}, 3), not {views.shape}"
            raise ValueError(message)

    def _network(self) -> "_Network":
        if not hasattr(self._local, "network"):
            try:
                self._local.network = _Network(self._model)
            except ValueError as error:
                message = (
                    f"network.tflite of the model {self.info.name} cannot be read: train the model again."
                )
                raise UsageError(message) from error
        network: _Network = self._local.network
        return network


class _Network:
    """The network in a LiteRT interpreter, for one thread; pixels go straight to where it reads them."""

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model_content=model, num_threads=1)
        signature = self._interpreter.get_signature_runner()
        self._image = signature.get_input_details()["image"]["index"]
        outputs = signature.get_output_details()
        self._logits, self._features = outputs["logits"]["index"], outputs["features"]["index"]
        self._shape: tuple[int, ...] = ()

    def __call__(self, views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if views.shape != self._shape:
            self._shape = ()
            self._interpreter.resize_tensor_input(self._image, views.shape)
            self._interpreter.allocate_tensors()
            self._shape = views.shape
        self._interpreter.tensor(self._image)()[...] = views
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._logits), self._interpreter.get_tensor(self._features)


def orientations(views: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Give the views under the eight symmetries of the square, the unchanged ones first.

    A cell on a slide has no up and no left: every answer should be the same.
    """
    turned = [np.rot90(views, quarter, axes=(1, 2)) for quarter in range(4)]
    return [np.ascontiguousarray(each) for view in turned for each in (view, view[:, :, ::-1])]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        message = f"{path} is missing or cannot be read: train the model again."
        raise UsageError(message) from None
