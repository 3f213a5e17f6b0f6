"""Where the network looked: heat maps on demand, one at a time since they need the whole of TensorFlow."""

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from giemsa.errors import UsageError
from giemsa.registry.prediction import Predictor


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
        """
        from giemsa.evaluation.explanation import heat, overlay
        from giemsa.training.bundle import load_network

        view = predictor.view(content)
        if isinstance(view, str):
            message = f"The image cannot be read: {view}."
            raise UsageError(message)
        views = view[np.newaxis]
        label = predictor.scorer.score(views).labels
        with self._lock:
            if self._bundle != predictor.model.bundle:
                self._network = load_network(predictor.model.bundle)
                self._bundle = predictor.model.bundle
            warmth = heat(self._network, views, label)
        _, encoded = cv2.imencode(".png", overlay(view, warmth[0])[..., ::-1])
        return bytes(encoded)
