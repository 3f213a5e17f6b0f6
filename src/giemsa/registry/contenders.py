"""Bring models before the gate: each scores the test cells of today, as it would score a lab's."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from giemsa.curation.reading import load_views
from giemsa.data.curated import read_curated, read_splits
from giemsa.evaluation.corruption import FAMILIES, corrupt
from giemsa.evaluation.scoring import Scorer
from giemsa.registry.gate import Contender, HeldOut
from giemsa.registry.prediction import ResolvedModel
from giemsa.workspace import Workspace

SEVERITY = 3


@dataclass(frozen=True)
class TestSplit:
    """The test cells: encoded images with label and duplicate group, in the curated order."""

    images: list[bytes]
    labels: list[str]
    groups: list[str]

    def held_out(self, classes: tuple[str, ...]) -> HeldOut:
        """Give what the gate needs to know of the cells, labels as indices into ``classes``."""
        return HeldOut(np.array([classes.index(label) for label in self.labels]), self.groups, classes)


def read_test_split(workspace: Workspace) -> TestSplit:
    """Read the cells that no model was fitted to.

    Raises:
        UsageError: if the curated cells or the splits are missing.
    """
    splits = read_splits(workspace.splits)
    test = set(splits.loc[splits["side"] == "test", "path"])
    cells = read_curated(workspace.curated, ["path", "label", "group", "image"])
    chosen = cells.filter(pc.is_in(cells["path"], value_set=pc.cast(sorted(test), "string")))
    return TestSplit(*(chosen[column].to_pylist() for column in ("image", "label", "group")))


def contender(model: ResolvedModel, name: str, split: TestSplit, *, seed: int) -> Contender:
    """Score the test cells with a model.

    Args:
        model: the model, with its own preprocessing.
        name: what the verdict is to call it.
        split: the test cells.
        seed: of the corruptions, the same for every model.
    """
    scorer = Scorer(model.bundle)
    views = load_views(split.images, scorer.image)

    def robustness() -> NDArray[np.float64]:
        labels = split.held_out(scorer.classes).labels
        right = [
            scorer.score(corrupt(views, family, SEVERITY, seed)).labels == labels
            for family in sorted(FAMILIES)
        ]
        share: NDArray[np.float64] = np.mean(right, axis=0)
        return share

    return Contender(name, scorer.info.drawn, scorer.classes, scorer.score(views).probabilities, robustness)
