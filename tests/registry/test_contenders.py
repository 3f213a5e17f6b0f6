"""A model before the gate scores the test cells of today, and their corrupted pictures where it is asked."""

from pathlib import Path

import numpy as np
import pytest

from giemsa.data.curated import NO_SUBJECTS
from giemsa.evaluation.cells import Cells
from giemsa.evaluation.corruption import FAMILIES, corrupt
from giemsa.evaluation.scoring import Scorer
from giemsa.registry.contenders import SEVERITY, contender
from giemsa.registry.gate import Contender
from giemsa.registry.prediction import ResolvedModel
from giemsa.settings import Image
from tests.conftest import CELL_CLASSES, TINY_IMAGE
from tests.evaluation.conftest import blobs

SEED = 7
ROWS = np.array([1, 4])


@pytest.fixture(scope="module")
def scorer(tiny_bundle: Path) -> Scorer:
    return Scorer(tiny_bundle)


@pytest.fixture(scope="module")
def cells(scorer: Scorer) -> Cells:
    """Six cells under the labels that the model gives them, but the last of ``ROWS`` under another one."""
    views = blobs(np.arange(6))
    labels = scorer.score(views).labels
    labels[ROWS[-1]] = (labels[ROWS[-1]] + 1) % len(CELL_CLASSES)
    names = tuple(CELL_CLASSES[label] for label in labels)
    paths = tuple(f"one/{row}.png" for row in range(len(views)))
    return Cells(paths, names, paths, paths, views, subjects=NO_SUBJECTS, drawn=True)


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path, cells: Cells) -> Contender:
    def read(image: Image) -> Cells:
        assert image == TINY_IMAGE
        return cells

    return contender(ResolvedModel(tiny_bundle, "", ""), "The new model", read, seed=SEED)


def test_it_scores_every_cell_as_the_model_alone_does(tiny: Contender, scorer: Scorer, cells: Cells) -> None:
    alone = scorer.score(cells.views)
    assert (tiny.name, tiny.drawn, tiny.classes) == ("The new model", True, CELL_CLASSES)
    np.testing.assert_array_equal(tiny.probabilities, alone.probabilities)
    np.testing.assert_array_equal(tiny.rejected, alone.rejected)


def test_robustness_is_the_share_of_a_cells_corrupted_pictures_that_are_told_right(
    tiny: Contender, scorer: Scorer, cells: Cells
) -> None:
    truth = cells.labels(CELL_CLASSES)[ROWS]
    right = np.zeros(len(ROWS))
    for family in FAMILIES:
        right += scorer.score(corrupt(cells.views[ROWS], family, SEVERITY, SEED)).labels == truth
    shares = tiny.robustness(ROWS)
    np.testing.assert_allclose(shares, right / len(FAMILIES))
    assert 0 < shares[1] < shares[0]
