"""Pictures that are no cells are rejected, with a reason; hardly any cell is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from giemsa.errors import UsageError
from giemsa.evaluation.appearance import appearance
from giemsa.evaluation.rejection import Rejection, calibrate
from tests.evaluation.conftest import blobs

LABELS = np.arange(400) % 8


def network(views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Stand in for a network: mean colours of four quarters as features, and logits from them."""
    small = views.reshape(len(views), 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(len(views), -1)
    features = small.astype(np.float32)
    return features[:, :8] / 25, features


@pytest.fixture(scope="module")
def rejection() -> Rejection:
    views = blobs(LABELS, seed=1)
    learned = Rejection.fit(views, network(views)[1], LABELS, seed=1)
    held_out = blobs(LABELS, seed=2)
    scores = learned.scores(appearance(held_out), *network(held_out))
    return Rejection(calibrate(scores, 0.01), learned.arrays)


def strange(kind: str) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, 32)[:, None, None], (10, 32, 32, 3))
    stripes = np.broadcast_to((np.arange(32) // 4 % 2 * 200)[:, None], (10, 32, 32))[..., None]
    made = {
        "noise": rng.integers(0, 256, (10, 32, 32, 3)),
        "black": np.zeros((10, 32, 32, 3)),
        "white": np.full((10, 32, 32, 3), 255),
        "ramp": ramp,
        "stripes": stripes.repeat(3, axis=3),
        "negative": 255 - blobs(np.arange(10) % 8),
    }
    return made[kind].astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "black", "white", "ramp", "stripes", "negative"])
def test_what_is_no_cell_is_rejected_with_a_reason(rejection: Rejection, kind: str) -> None:
    views = strange(kind)
    rejected, reasons = rejection.judge(appearance(views), *network(views))
    assert rejected.all()
    assert all(">" in reason for reason in reasons)


def test_new_cells_are_accepted(rejection: Rejection) -> None:
    views = blobs(LABELS, seed=3)
    rejected, reasons = rejection.judge(appearance(views), *network(views))
    assert rejected.mean() < 0.03
    assert [bool(reason) for reason in reasons] == rejected.tolist()


def test_without_thresholds_nothing_is_rejected(views: NDArray[np.uint8]) -> None:
    rejected, reasons = Rejection().judge(appearance(views), *network(views))
    assert not rejected.any()
    assert set(reasons) == {""}


def test_what_is_saved_judges_the_same(rejection: Rejection, tmp_path: Path) -> None:
    rejection.save(tmp_path)
    again = Rejection.load(tmp_path, rejection.thresholds)
    views = np.concatenate([blobs(LABELS, seed=4), strange("ramp")])
    one, other = (each.judge(appearance(views), *network(views)) for each in (rejection, again))
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1] == other[1]


def test_a_missing_or_damaged_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rejection\.npz is missing"):
        Rejection.load(tmp_path, {"energy": 1.0})
    (tmp_path / "rejection.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(UsageError, match="train the model again"):
        Rejection.load(tmp_path, {"energy": 1.0})


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 1500), st.sampled_from([0.005, 0.01, 0.05]))
def test_limits_keep_to_the_share_of_cells_that_may_be_rejected(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    scores = {"strangeness": rng.normal(0, 1, n), "appearance": rng.standard_t(2, n)}
    limits = calibrate(scores, share)
    above = np.any([values > limits[name] + 1e-6 for name, values in scores.items()], axis=0)
    assert above.sum() <= n * share


def test_a_heavy_tail_in_one_score_does_not_blind_the_other() -> None:
    rng = np.random.default_rng(0)
    calm = rng.normal(0, 1, 2000)
    limits = calibrate({"strangeness": calm, "appearance": rng.standard_cauchy(2000)}, 0.01)
    assert np.quantile(calm, 0.99) < limits["strangeness"] < np.quantile(calm, 0.999)


def test_too_few_cells_make_the_largest_score_the_limit() -> None:
    scores = {"strangeness": np.arange(50.0), "energy": -np.arange(50.0)}
    assert calibrate(scores, 0.01) == {"strangeness": 49.0, "energy": 0.0}
