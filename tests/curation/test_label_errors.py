import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from giemsa.curation.label_errors import FOLDS, confident_classes, label_errors, out_of_fold

CLASSES = ("basophil", "ig", "monocyte")


def drawn(count: int = 240, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give features of three clouds far apart, and their classes."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES)
    centres = 8 * np.eye(len(CLASSES), 8)
    return (centres[labels] + random.normal(size=(count, 8))).astype(np.float32), labels


def names(labels: NDArray[np.int64]) -> list[str]:
    return [CLASSES[label] for label in labels]


def test_what_is_listed_first_was_planted_and_named_with_the_class_it_had() -> None:
    features, truth = drawn()
    labels = truth.copy()
    planted = [5, 50, 100, 200]
    labels[planted] = (truth[planted] + 1) % len(CLASSES)
    paths = [f"{row:03d}" for row in range(len(labels))]
    found = label_errors(paths, names(labels), paths, features)
    surest = found[: len(planted)]
    # Confident learning passes over cells that are less typical than the mean of their true class.
    assert len(surest) >= len(planted) // 2
    assert {int(error.path) for error in surest} <= set(planted)
    assert all(error.likely == CLASSES[truth[int(error.path)]] for error in surest)
    assert all(error.own < error.other for error in surest)


def test_right_labels_are_hardly_ever_suspected() -> None:
    features, labels = drawn()
    paths = [str(row) for row in range(len(labels))]
    assert len(label_errors(paths, names(labels), paths, features)) <= len(labels) // 50


def test_the_surest_come_first() -> None:
    features, labels = drawn()
    labels[::10] = (labels[::10] + 1) % len(CLASSES)
    paths = [str(row) for row in range(len(labels))]
    margins = [error.own - error.other for error in label_errors(paths, names(labels), paths, features)]
    assert margins == sorted(margins)


def test_a_copy_does_not_vouch_for_its_copy() -> None:
    # Two equal rows under the same wrong label: judged apart, one would teach the other's judge.
    features, labels = drawn()
    features, labels = np.concatenate([features, features[:1]]), np.append(labels, 1)
    labels[0] = 1
    paths = [str(row) for row in range(len(labels))]
    groups = [*paths[:-1], "0"]
    probabilities = out_of_fold(features, labels, np.array(groups))
    np.testing.assert_allclose(probabilities[0], probabilities[-1])
    assert {"0", paths[-1]} <= {error.path for error in label_errors(paths, names(labels), groups, features)}


def test_a_class_too_small_to_be_judged_is_left_out() -> None:
    features, labels = drawn(60)
    paths = [str(row) for row in range(60)]
    rare = ["rare"] * (FOLDS - 1) + names(labels)[FOLDS - 1 :]
    found = label_errors(paths, rare, paths, features)
    assert all("rare" not in (error.label, error.likely) for error in found)


def test_of_one_class_nothing_can_be_said() -> None:
    features, _ = drawn(30)
    paths = [str(row) for row in range(30)]
    assert label_errors(paths, ["ig"] * 30, paths, features) == []


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_row_leaves_its_label_only_for_a_class_whose_threshold_it_reaches(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = np.append(np.arange(3), random.integers(0, 3, 20))
    probabilities = random.dirichlet(np.ones(3), len(labels))
    likely = confident_classes(probabilities, labels)
    thresholds = np.array([probabilities[labels == each, each].mean() for each in range(3)])
    moved = likely != labels
    reached = probabilities[np.arange(len(labels)), likely] >= thresholds[likely]
    assert reached[moved].all()
