"""Look at audited images once more with a model's eyes: labels that are likely wrong, and what is no cell."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from giemsa.curation.audit import Audit
from giemsa.curation.label_errors import LabelError, label_errors
from giemsa.curation.measuring import Content
from giemsa.curation.nearest import EXACT_UP_TO
from giemsa.curation.oddities import FEWEST, Oddity, isolation
from giemsa.curation.reading import load_views
from giemsa.data.sources import Source
from giemsa.evaluation.scoring import Scorer
from giemsa.progress import track

Seen = tuple[str, str | None, Content]  # path, label, content

AT_ONCE = 256  # pictures in memory
ALONE = 4.5  # times the usual squared distance to the nearest: docs/duplicates.md says what stands where


@dataclass(frozen=True)
class SecondLook:
    """What a model's features say.

    Args:
        label_errors: cells whose label is likely wrong, the surest first.
        strangers: pictures that are likely no cells, by path.
    """

    label_errors: tuple[LabelError, ...]
    strangers: tuple[Oddity, ...]


def second_look(source: Source, found: Audit, scorer: Scorer) -> SecondLook:
    """Read the images of ``source`` once more, and judge them by the model's features.

    Labels are judged as ``label_errors`` does it, copies together. What is no cell lies far from everything
    else: its mean distance to the nearest pictures (Ramaswamy, Rastogi and Shim, SIGMOD 2000).

    Args:
        source: the images.
        found: what the audit found in them.
        scorer: a model that did not learn from these labels, best of all a pretrained one that stayed frozen.
    """
    paths, labels, features = _features(source, found, scorer)
    first = {member.path: group.members[0].path for group in found.groups for member in group.members}
    groups = [first.get(path, path) for path in paths]
    named = [row for row, label in enumerate(labels) if label is not None]
    errors = label_errors(
        [paths[row] for row in named],
        [str(labels[row]) for row in named],
        [groups[row] for row in named],
        features[named],
    )
    return SecondLook(tuple(errors), tuple(_strangers(paths, groups, features)))


def _features(
    source: Source, found: Audit, scorer: Scorer
) -> tuple[list[str], list[str | None], NDArray[np.float32]]:
    """Give path, label and features of each readable image."""
    items = (
        (item.path, item.label, item.content)
        for item in source.items(lambda path, _: path in found.contents)
        if item.content is not None
    )
    shown = track(items, f"looking at {source.name} again", total=len(found.contents))
    paths: list[str] = []
    labels: list[str | None] = []
    features = []
    for some in _chunks(shown):
        paths += [path for path, _, _ in some]
        labels += [label for _, label, _ in some]
        views = load_views([content for _, _, content in some], scorer.image)
        features.append(scorer.activations(views)[1])
    return paths, labels, np.concatenate(features) if features else np.empty((0, 1), np.float32)


def _chunks(items: Iterator[Seen]) -> Iterator[list[Seen]]:
    while some := list(islice(items, AT_ONCE)):
        yield some


def _strangers(paths: list[str], groups: list[str], features: NDArray[np.float32]) -> Iterator[Oddity]:
    _, distinct, picture = np.unique(groups, return_index=True, return_inverse=True)
    if len(distinct) < FEWEST:
        return
    alone = solitude(features[distinct])[picture]
    for row in sorted(np.flatnonzero(alone > ALONE), key=lambda row: paths[row]):
        yield Oddity(paths[row], "no cell by its features", round(float(alone[row]), 3))


def solitude(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Say how far each picture lies from its nearest, over what is usual; ``ALONE`` is far.

    Args:
        features: of distinct pictures, shape ``(n, d)``; their lengths do not matter.
    """
    directions = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return isolation(directions, ALONE, EXACT_UP_TO)
