"""Calibration and rejection are written into a trained model's folder."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.evaluation.finishing import finish
from giemsa.evaluation.scoring import Scorer
from giemsa.training.bundle import read_info
from tests.evaluation.conftest import blobs

TRAIN = np.arange(400) % 8
VALIDATION = np.arange(160) % 8


def finished(bundle: Path, target: Path) -> Path:
    folder = shutil.copytree(bundle, target)
    train, validation = blobs(TRAIN, seed=1), blobs(VALIDATION, seed=2)
    finish(folder, train, TRAIN, validation, VALIDATION, false_rejection=0.01, seed=1)
    return folder


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tiny_bundle, tmp_path_factory.mktemp("finished") / "cnn")


def test_finishing_states_temperature_and_thresholds(bundle: Path) -> None:
    info = read_info(bundle)
    assert info.temperature != 1.0
    assert "feature_distance" in info.rejection
    assert (bundle / "rejection.npz").is_file()


def test_cells_are_accepted_and_strangers_rejected_with_a_reason(bundle: Path) -> None:
    scorer = Scorer(bundle)
    assert scorer.score(blobs(VALIDATION, seed=3)).rejected.mean() < 0.1
    noise = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    scores = scorer.score(noise)
    assert scores.rejected.all()
    assert all(reason.endswith(")") and ">" in reason for reason in scores.reasons)


def test_finishing_twice_gives_the_same_bytes(bundle: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    again = finished(tiny_bundle, tmp_path / "cnn")
    for name in ("bundle.json", "rejection.npz"):
        assert (again / name).read_bytes() == (bundle / name).read_bytes()


def test_a_judgement_does_not_depend_on_company(bundle: Path, views: NDArray[np.uint8]) -> None:
    scorer = Scorer(bundle)
    whole = scorer.score(views)
    alone = [scorer.score(view[None]) for view in views]
    assert [one.reasons[0] for one in alone] == list(whole.reasons)
