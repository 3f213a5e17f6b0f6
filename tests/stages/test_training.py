"""The stages train, fine-tune and combine write whole models, and never look at a test cell."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from giemsa.data.curated import read_splits, write_curated, write_splits
from giemsa.errors import CheckFailedError, UsageError
from giemsa.evaluation.scoring import Scorer
from giemsa.settings import FineTune, Image, Reject, Train
from giemsa.stages import combine, fine_tune, train
from giemsa.training.bundle import load_network, read_history, read_info
from giemsa.workspace import Workspace
from tests.training.conftest import FITTING

IMAGE = Image(size=32, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
REJECT = Reject(false_rejection=0.05)
COMMON = {**FITTING.model_dump(), "seed": 3}
TRAIN = Train(**COMMON, widths=(8, 12))
FINE_TUNE = FineTune(
    **{**COMMON, "max_epochs": 1},
    backbone="MobileNetV3Small-0.75",
    enlarged_px=32,
    weights="none",
    head_epochs=2,
    head_learning_rate=0.01,
    frozen_layers=0,
)
COLOURS = {"ig": (60, 40, 160), "lymphocyte": (190, 70, 70), "platelet": (90, 160, 90)}


class Told:
    """Stands for a live run: keeps what it is told."""

    def __init__(self) -> None:
        self.epochs: list[tuple[int, Mapping[str, float]]] = []

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.epochs.append((step, metrics))


def _listen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Told]:
    """Let stages tell their runs to what is given back, by the model's name."""
    runs: dict[str, Told] = {}

    @contextmanager
    def run(_: Workspace, info: Any) -> Iterator[Told]:
        yield runs.setdefault(info.name, Told())

    for stage in (train, fine_tune, combine):
        monkeypatch.setattr(stage, "training_run", run)
    return runs


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Told]:
    return _listen(monkeypatch)


@pytest.fixture(scope="module")
def fine_tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, Told]]:
    """A project whose network is fine-tuned, and what its runs were told."""
    workspace = _project(tmp_path_factory.mktemp("fine_tuned"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        runs = _listen(monkeypatch)
        fine_tune.run(workspace, image=IMAGE, fine_tune=FINE_TUNE, reject=REJECT)
    return workspace, runs


def _project(root: Path, *, drawn: bool = True) -> Workspace:
    """Lay out 90 discs of three colours; what lies on the test side is no picture at all."""
    rng = np.random.default_rng(0)
    rows = []
    for index in range(90):
        label = sorted(COLOURS)[index % 3]
        picture = np.full((32, 32, 3), 230, np.uint8)
        cv2.circle(picture, (16, 16), int(rng.integers(6, 13)), COLOURS[label][::-1], -1)
        picture = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        path = f"one/{label}/{index:03d}.png"
        content = cv2.imencode(".png", picture)[1].tobytes() if index < 75 else b"not to be read"
        row: dict[str, Any] = {"path": path, "label": label, "group": path, "subject": None, "batch": "one"}
        rows.append(row | {"batch_order": 0, "drawn": drawn, "sha256": "0" * 64, "image": content})
    workspace = Workspace(root)
    write_curated(workspace.curated, rows, itemgetter("image"))
    sides = pd.DataFrame(rows)[["path", "label", "group"]]
    sides["side"] = ["train"] * 48 + ["validation"] * 27 + ["test"] * 15
    write_splits(workspace.splits, sides)
    return workspace


def test_a_class_that_no_cell_teaches_is_named(tmp_path: Path) -> None:
    workspace = _project(tmp_path)
    sides = read_splits(workspace.splits)
    taught = (sides["side"] == "train") & (sides["label"] == min(COLOURS))
    write_splits(workspace.splits, sides.assign(side=sides["side"].mask(taught, "test")))
    with pytest.raises(CheckFailedError, match=f"No cell to learn {min(COLOURS)} from"):
        train.run(workspace, image=IMAGE, train=TRAIN, reject=REJECT)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_training_writes_a_whole_model_that_scores(tmp_path: Path, told: dict[str, Told]) -> None:
    workspace = _project(tmp_path)
    train.run(workspace, image=IMAGE, train=TRAIN, reject=REJECT)
    folder = workspace.model("cnn")
    info = read_info(folder)
    assert (info.family, info.classes, info.drawn, info.pretrained) == ("cnn", tuple(COLOURS), True, False)
    assert info.params["widths"] == [8, 12]
    assert info.rejection
    history = read_history(folder)
    assert [epoch.phase for epoch in history] == ["coarse", "coarse", "full", "full"]
    assert [step for step, _ in told["cnn"].epochs] == [1, 2, 3, 4]
    assert Scorer(folder).score(np.zeros((2, 32, 32, 3), np.uint8)).logits.shape == (2, 3)


def test_training_again_gives_the_same_bytes(tmp_path: Path) -> None:
    workspace = _project(tmp_path)
    short = TRAIN.model_copy(update={"max_epochs": 2})
    train.run(workspace, image=IMAGE, train=short, reject=REJECT)
    once = _files(workspace.model("cnn"))
    train.run(workspace, image=IMAGE, train=short, reject=REJECT)
    assert _files(workspace.model("cnn")) == once


def test_a_failure_half_way_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = _project(tmp_path)
    workspace.model("cnn").mkdir(parents=True)
    (workspace.model("cnn") / "old").touch()

    class KilledError(Exception):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise KilledError

    monkeypatch.setattr("giemsa.stages.learning.finish", killed)
    with pytest.raises(KilledError):
        train.run(workspace, image=IMAGE, train=TRAIN.model_copy(update={"max_epochs": 1}), reject=REJECT)
    assert list(_files(workspace.model("cnn"))) == ["old"]


def test_fine_tuning_writes_the_network_before_and_after(
    fine_tuned: tuple[Workspace, dict[str, Told]],
) -> None:
    workspace, runs = fine_tuned
    before, after = (load_network(workspace.model(name)) for name in ("frozen-head", "fine-tuned"))
    assert [len(run.epochs) for run in runs.values()] == [2, 1]
    assert read_info(workspace.model("fine-tuned")).weights == "random: no pretrained weights"
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    assert not np.allclose(before(images)["features"], after(images)["features"], atol=1e-4)


def test_a_network_alone_is_not_combined(tmp_path: Path, tiny_bundle: Path) -> None:
    workspace = _project(tmp_path)
    shutil.copytree(tiny_bundle, workspace.model("cnn"))
    with pytest.raises(UsageError, match="fine-tuned holds no trained model"):
        combine.run(workspace, image=IMAGE, reject=REJECT)


def test_both_networks_together_say_the_mean_of_what_each_says(
    fine_tuned: tuple[Workspace, dict[str, Told]], told: dict[str, Told]
) -> None:
    workspace, _ = fine_tuned
    train.run(workspace, image=IMAGE, train=TRAIN.model_copy(update={"max_epochs": 2}), reject=REJECT)
    combine.run(workspace, image=IMAGE, reject=REJECT)
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    cnn, tuned, both = (Scorer(workspace.model(name)) for name in ("cnn", "fine-tuned", "ensemble"))
    calibrated = [each.score(views).logits / each.info.temperature for each in (cnn, tuned)]
    np.testing.assert_allclose(both.score(views).logits, np.mean(calibrated, axis=0), atol=1e-3)
    assert both.info.params["members"] == {"cnn": cnn.info.params, "fine-tuned": tuned.info.params}
    assert (both.info.data, both.info.pretrained, both.info.drawn) == (cnn.info.data, False, True)
    assert both.info.weights == "those of cnn and fine-tuned: none pretrained"
    assert both.info.rejection
    assert (cnn.info.doubt, both.info.doubt) == (0, combine.DOUBT)
    assert not read_history(workspace.model("ensemble"))
    assert not told["ensemble"].epochs


def test_networks_of_other_cells_are_not_combined(tmp_path: Path, tiny_bundle: Path) -> None:
    workspace = _project(tmp_path)
    for name in combine.MEMBERS:
        shutil.copytree(tiny_bundle, workspace.model(name))
    with pytest.raises(UsageError, match="cnn was trained on other cells"):
        combine.run(workspace, image=IMAGE, reject=REJECT)


def test_drawn_cells_alone_may_do_without_pretrained_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_to_be_had(*_: Any) -> None:
        message = "No pretrained weights."
        raise UsageError(message)

    class EnoughError(Exception):
        pass

    def enough(*_: Any) -> None:
        raise EnoughError

    monkeypatch.setattr(fine_tune, "pretrain", none_to_be_had)
    monkeypatch.setattr(fine_tune, "fit_head", enough)
    wanted = FINE_TUNE.model_copy(update={"weights": "imagenet"})
    with pytest.raises(EnoughError):
        fine_tune.run(_project(tmp_path / "drawn"), image=IMAGE, fine_tune=wanted, reject=REJECT)
    with pytest.raises(UsageError, match="No pretrained weights"):
        fine_tune.run(_project(tmp_path / "real", drawn=False), image=IMAGE, fine_tune=wanted, reject=REJECT)


def test_a_side_without_a_cell_is_named(tmp_path: Path) -> None:
    workspace = _project(tmp_path)
    sides = pd.read_parquet(workspace.splits)
    write_splits(workspace.splits, sides[sides["side"] != "validation"])
    with pytest.raises(CheckFailedError, match="no cell on the validation side"):
        train.run(workspace, image=IMAGE, train=TRAIN, reject=REJECT)
