"""Scoring with a trained model's folder."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.errors import UsageError
from giemsa.evaluation.scoring import SHARE, Scorer
from giemsa.training.bundle import load_network


def test_scores_have_one_row_per_cell_and_probabilities_sum_to_one(
    tiny_bundle: Path, views: NDArray[np.uint8]
) -> None:
    scores = Scorer(tiny_bundle).score(views)
    assert scores.probabilities.shape == (len(views), 8)
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(scores.labels, scores.logits.argmax(axis=1))
    np.testing.assert_array_equal(scores.confidence, scores.probabilities.max(axis=1))
    assert not scores.rejected.any()
    assert scores.reasons == ("",) * len(views)


def test_the_exported_network_says_what_the_keras_one_says(
    tiny_bundle: Path, views: NDArray[np.uint8]
) -> None:
    said = load_network(tiny_bundle)(views.astype(np.float32))
    logits, features = Scorer(tiny_bundle).activations(views)
    np.testing.assert_allclose(logits, said["logits"], atol=1e-4)
    np.testing.assert_allclose(features, said["features"], atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, SHARE, SHARE + 5])
def test_a_cell_scores_the_same_bits_in_any_company(
    tiny_bundle: Path, views: NDArray[np.uint8], size: int
) -> None:
    whole = Scorer(tiny_bundle).score(views)
    scorer = Scorer(tiny_bundle, pooled=False)
    parts = [scorer.score(views[start : start + size]) for start in range(0, len(views), size)]
    np.testing.assert_array_equal(np.concatenate([part.logits for part in parts]), whole.logits)
    np.testing.assert_array_equal(np.concatenate([part.features for part in parts]), whole.features)


def test_many_threads_may_share_one_scorer(tiny_bundle: Path, views: NDArray[np.uint8]) -> None:
    with ThreadPoolExecutor(4) as pool:
        pooled = list(pool.map(Scorer(tiny_bundle).score, [views] * 8))
        alone = list(pool.map(Scorer(tiny_bundle, pooled=False).score, [views] * 8))
    for answer in pooled + alone:
        np.testing.assert_array_equal(answer.logits, pooled[0].logits)


def test_no_cells_give_no_scores(tiny_bundle: Path) -> None:
    scores = Scorer(tiny_bundle).score(np.empty((0, 32, 32, 3), np.uint8))
    assert scores.probabilities.shape == (0, 8)
    assert scores.reasons == ()


def test_views_of_another_size_are_refused(tiny_bundle: Path) -> None:
    with pytest.raises(ValueError, match=r"must have shape \(n, 32, 32, 3\)"):
        Scorer(tiny_bundle).score(np.zeros((1, 96, 96, 3), np.uint8))


def test_a_higher_temperature_is_less_confident_and_answers_the_same(
    tiny_bundle: Path, tmp_path: Path, views: NDArray[np.uint8]
) -> None:
    warmer = shutil.copytree(tiny_bundle, tmp_path / "cnn")
    text = (warmer / "bundle.json").read_text()
    (warmer / "bundle.json").write_text(text.replace('"temperature": 1.0', '"temperature": 3.0'))
    cold, warm = Scorer(tiny_bundle).score(views), Scorer(warmer).score(views)
    np.testing.assert_array_equal(cold.labels, warm.labels)
    assert (warm.confidence < cold.confidence).all()


def test_a_folder_without_a_network_is_a_usage_error(tiny_bundle: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny_bundle, tmp_path / "cnn")
    (damaged / "network.tflite").unlink()
    with pytest.raises(UsageError, match=r"network\.tflite is missing"):
        Scorer(damaged)
    with pytest.raises(UsageError, match="holds no trained model"):
        Scorer(tmp_path / "nowhere")


def test_a_damaged_network_is_a_usage_error(tiny_bundle: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tiny_bundle, tmp_path / "cnn")
    (damaged / "network.tflite").write_bytes(b"not a network")
    with pytest.raises(UsageError, match="train the model again"):
        Scorer(damaged)


def test_scoring_needs_neither_tensorflow_nor_pandas_nor_matplotlib() -> None:
    code = (
        "import sys, giemsa.evaluation.scoring as s;"
        "print([m for m in ('tensorflow', 'keras', 'pandas', 'matplotlib', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
