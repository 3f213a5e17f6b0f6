"""From encoded images to rows of a prediction table: the one path that every way of asking a model takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.reading import UnreadableError, read_view
from giemsa.evaluation.scoring import Scorer, Scores

Content = bytes | NDArray[np.uint8]
Row = dict[str, Any]

DECIMALS = 6


@dataclass(frozen=True)
class ResolvedModel:
    """A model that can score.

    Args:
        bundle: the trained model's folder.
        version: its name for people: ``blood-cell-classifier/3``, or the folder where it is not registered.
        data: the hash of the curated data it was trained on.
        registered: found in the registry, where the reference may come to stand for another version.
    """

    bundle: Path
    version: str
    data: str
    registered: bool = False


class Predictor:
    """A model that judges encoded images, from any number of threads at once.

    Args:
        model: what to score with.
        pooled: score on threads of its own, see ``Scorer``.

    Raises:
        UsageError: if the model's folder is not whole.
    """

    def __init__(self, model: ResolvedModel, *, pooled: bool = True) -> None:
        self.model = model
        self.scorer = Scorer(model.bundle, pooled=pooled)
        self.classes = self.scorer.classes

    def predict(self, contents: Sequence[Content]) -> list[Row]:
        """Judge images, encoded or as arrays of shape (H, W, 3) or (H, W), one row each, in order.

        Returns:
            Rows with ``label``, ``confidence``, ``rejected``, ``reason`` and ``p_<class>`` per class. A
            picture that cannot be read is rejected with the reason, an empty label and no probabilities.
        """
        return self.judge([self.view(content) for content in contents])

    def view(self, content: Content) -> NDArray[np.uint8] | str:
        """Decode one image into what the network sees, or say why it cannot be read."""
        try:
            return read_view(content, self.scorer.image)
        except UnreadableError as error:
            return str(error)

    def judge(self, views: Sequence[NDArray[np.uint8] | str]) -> list[Row]:
        """Judge what :meth:`view` gave; a string says why there is nothing to judge."""
        readable = [one for one in views if not isinstance(one, str)]
        rows = iter(self._rows(self.scorer.score(np.stack(readable))) if readable else ())
        return [self._unreadable(one) if isinstance(one, str) else next(rows) for one in views]

    def _rows(self, scores: Scores) -> list[Row]:
        return [self._row(scores, index) for index in range(len(scores.labels))]

    def _row(self, scores: Scores, index: int) -> Row:
        probabilities = scores.probabilities[index].round(DECIMALS).tolist()
        return {
            "label": self.classes[scores.labels[index]],
            "confidence": round(float(scores.confidence[index]), DECIMALS),
            "rejected": bool(scores.rejected[index]),
            "reason": scores.reasons[index],
            **dict(zip(probability_columns(self.classes), probabilities, strict=True)),
        }

    def _unreadable(self, reason: str) -> Row:
        return {
            "label": "",
            "confidence": None,
            "rejected": True,
            "reason": reason,
            **dict.fromkeys(probability_columns(self.classes)),
        }


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Name the columns that hold the calibrated probabilities."""
    return [f"p_{name}" for name in classes]
