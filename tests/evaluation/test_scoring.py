"""Scoring with a trained model's folder."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from giemsa.errors import UsageError
from giemsa.evaluation import scoring
from giemsa.evaluation.scoring import SHARE, Scorer, orientations
from giemsa.training.bundle import load_network, read_info, write_info


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


def test_after_a_failure_no_share_is_begun(
    tiny_bundle: Path, views: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = np.repeat(views[:1], 200 * SHARE, axis=0)
    scorer, begun = Scorer(tiny_bundle), []

    def failing(share: NDArray[np.uint8]) -> NDArray[np.float64]:
        begun.append(len(share))
        raise ArithmeticError

    monkeypatch.setattr(scoring, "appearance", failing)
    with pytest.raises(ArithmeticError):
        scorer.looks(many)
    assert len(begun) <= len(os.sched_getaffinity(0))


def test_there_are_eight_orientations_and_the_first_is_the_view_itself(views: NDArray[np.uint8]) -> None:
    turned = orientations(views)
    assert len({each.tobytes() for each in turned}) == 8
    np.testing.assert_array_equal(turned[0], views)
    np.testing.assert_array_equal(orientations(turned[1])[1], views)


def doubting(bundle: Path, folder: Path, doubt: float) -> Path:
    """Copy a model and let it score what it doubts from all sides."""
    shutil.copytree(bundle, folder)
    write_info(folder, read_info(folder).model_copy(update={"doubt": doubt}))
    return folder


@pytest.mark.parametrize("pooled", [True, False])
def test_what_a_model_doubts_gets_the_mean_of_all_orientations_and_nothing_else_does(
    tiny_bundle: Path, views: NDArray[np.uint8], tmp_path: Path, *, pooled: bool
) -> None:
    plain = Scorer(tiny_bundle)
    once = plain.score(views)
    doubt = float(np.median(once.confidence))
    scores = Scorer(doubting(tiny_bundle, tmp_path / "cnn", doubt), pooled=pooled).score(views)
    doubted = once.confidence < doubt
    assert 0 < doubted.sum() < len(views)
    mean = np.mean([plain.score(turned).probabilities for turned in orientations(views)], axis=0)
    np.testing.assert_allclose(scores.probabilities[doubted], mean[doubted], atol=1e-12)
    np.testing.assert_array_equal(scores.probabilities[~doubted], once.probabilities[~doubted])
    np.testing.assert_array_equal(scores.labels, scores.probabilities.argmax(axis=1))
    np.testing.assert_array_equal(scores.confidence, scores.probabilities.max(axis=1))
    np.testing.assert_array_equal(scores.logits, once.logits)


def test_a_doubtful_cell_gets_one_answer_however_it_lies(
    tiny_bundle: Path, views: NDArray[np.uint8], tmp_path: Path
) -> None:
    scorer = Scorer(doubting(tiny_bundle, tmp_path / "cnn", 1.0))
    answers = [scorer.score(turned).probabilities for turned in orientations(views)]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)


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
