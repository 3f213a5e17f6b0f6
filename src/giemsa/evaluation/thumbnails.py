"""The cells that a report shows: the worst mistakes, and a gallery of each class."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.cells import Cells
from giemsa.evaluation.explanation import heat, overlay
from giemsa.evaluation.judging import Judgement
from giemsa.pages import data_uri

JPEG_QUALITY = 90
MISTAKES = 12
PER_CLASS = 8


@dataclass(frozen=True)
class Thumbnail:
    """One cell in the report.

    Args:
        path: of the original.
        actual: its label.
        answered: what the winner said.
        confidence: how sure it was, 0..1.
        reason: why it was rejected; empty where it was not.
        picture: data URI of the view.
        looked_at: data URI of the view under the heat map of the answer; empty where none was made.
    """

    path: str
    actual: str
    answered: str
    confidence: float
    reason: str
    picture: str
    looked_at: str = ""


def mistakes(judgement: Judgement, cells: Cells, network: Any) -> list[Thumbnail]:
    """Give the surest wrong answers, surest first, and where the network looked."""
    scores = judgement.test
    wrong = np.flatnonzero(scores.labels != cells.labels(judgement.info.classes))
    worst = wrong[np.argsort(-scores.confidence[wrong], kind="stable")][:MISTAKES]
    if not len(worst):
        return []
    warmth = heat(network, cells.views[worst], scores.labels[worst])
    shown = [overlay(cells.views[row], each) for row, each in zip(worst, warmth, strict=True)]
    return [_thumbnail(judgement, cells, row, view_uri(each)) for row, each in zip(worst, shown, strict=True)]


def galleries(judgement: Judgement, cells: Cells) -> dict[str, list[Thumbnail]]:
    """Give cells of each class from the least sure to the surest, evenly spaced between them."""
    labels = cells.labels(judgement.info.classes)
    chosen = {}
    for index, name in enumerate(judgement.info.classes):
        members = np.flatnonzero(labels == index)
        ordered = members[np.argsort(judgement.test.confidence[members], kind="stable")]
        places = np.unique(np.linspace(0, len(ordered) - 1, min(PER_CLASS, len(ordered))).astype(int))
        chosen[name] = [_thumbnail(judgement, cells, row) for row in ordered[places]]
    return chosen


def _thumbnail(judgement: Judgement, cells: Cells, row: int, looked_at: str = "") -> Thumbnail:
    scores = judgement.test
    return Thumbnail(
        path=cells.paths[row],
        actual=cells.names[row],
        answered=judgement.info.classes[scores.labels[row]],
        confidence=float(scores.confidence[row]),
        reason=scores.reasons[row],
        picture=view_uri(cells.views[row]),
        looked_at=looked_at,
    )


def view_uri(view: NDArray[np.uint8]) -> str:
    """Give a view as a data URI that a page can show."""
    encoded = cv2.imencode(".jpg", view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return data_uri(encoded.tobytes(), "image/jpeg")
