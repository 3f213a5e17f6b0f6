"""Where the network looked: heat maps on demand, one at a time since they need the whole of TensorFlow."""

import logging
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from giemsa.errors import UsageError
from giemsa.registry.prediction import Predictor
from giemsa.serving.refusals import UnavailableError

log = logging.getLogger(__name__)


class HeatMaps:
    """Draws heat maps with the Keras network of the model that is asked, which is kept for the next one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bundle = Path()
        self._network: Any = None

    def draw(self, predictor: Predictor, content: bytes) -> bytes:
        """Lay the heat map of the likeliest class over an image.

        Raises:
            UsageError: if the image cannot be read.
            UnavailableError: if the Keras network is not there any more.
        """
        from giemsa.evaluation.explanation import heat, overlay

        view = predictor.view(content)
        if isinstance(view, str):
            message = f"The image cannot be read: {view}."
            raise UsageError(message)
        views = view[np.newaxis]
        label = predictor.scorer.score(views).labels
        with self._lock:
            self._load(predictor.model.bundle)
            warmth = heat(self._network, views, label)
        _, encoded = cv2.imencode(".png", overlay(view, warmth[0])[..., ::-1])
        return bytes(encoded)

    def _load(self, bundle: Path) -> None:
        from giemsa.training.bundle import load_network

        if self._bundle != bundle:
            try:
                self._network = load_network(bundle)
            except Exception as error:  # Keras fails in many ways on a file that is damaged or gone
                log.exception("no heat maps of %s", bundle)
                message = "This model's heat maps cannot be drawn: its Keras network cannot be read."
                raise UnavailableError(message) from error
            self._bundle = bundle
