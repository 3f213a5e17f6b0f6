"""Tiny cells, and a tiny project with three models, for the evaluation's tests."""

import shutil
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from giemsa.data.curated import NO_SUBJECTS, write_curated, write_splits
from giemsa.evaluation.cells import Cells
from giemsa.training.bundle import read_info, write_info
from giemsa.workspace import MODELS, Workspace

ROOT = Path(__file__).parents[2]
CLASSES = ("basophil", "eosinophil", "erythroblast", "ig", "lymphocyte", "monocyte", "neutrophil", "platelet")


def blobs(labels: NDArray[np.integer], *, size: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """Draw one smooth, noisy blob per label on a light field; its colour and radius tell the label."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    distance = np.hypot(rows, columns)
    views = np.empty((len(labels), size, size, 3), np.uint8)
    for index, label in enumerate(labels):
        colour = np.array([40 + 20 * label, 30, 200 - 20 * label])
        inside = 1 / (1 + np.exp(distance - (4 + label + rng.normal(0, 0.3))))
        picture = 225 * (1 - inside[..., None]) + colour * inside[..., None]
        views[index] = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255)
    return views


def tiny_project(root: Path, bundle: Path) -> Workspace:
    """Lay out a project after training: 160 drawn cells on three sides, one untrained model thrice."""
    workspace = Workspace(root)
    labels = np.arange(160) % 8
    rows = [
        {
            "path": f"one/{CLASSES[label]}/{index:03d}.png",
            "label": CLASSES[label],
            "group": f"one/{CLASSES[label]}/{index // 16 * 16 + label:03d}.png",
            "subject": None,
            "batch": "one",
            "batch_order": 0,
            "drawn": True,
            "sha256": "0" * 64,
            "image": cv2.imencode(".png", view)[1].tobytes(),
        }
        for index, (label, view) in enumerate(zip(labels, blobs(labels), strict=True))
    ]
    write_curated(workspace.curated, rows, itemgetter("image"))
    sides = pd.DataFrame(rows)[["path", "label", "group"]]
    sides["side"] = ["train"] * 80 + ["validation"] * 40 + ["test"] * 40
    write_splits(workspace.splits, sides)
    for name in MODELS:
        folder = shutil.copytree(bundle, workspace.model(name))
        write_info(folder, read_info(folder).model_copy(update={"name": name}))
    shutil.copytree(ROOT / "mlflow", root / "mlflow")
    return workspace


@pytest.fixture(scope="session")
def labels() -> NDArray[np.int64]:
    """Eight classes, five cells each, in turn."""
    return np.arange(40) % 8


@pytest.fixture(scope="session")
def views(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Drawn cells of ``labels``."""
    return blobs(labels)


@pytest.fixture(scope="session")
def cells(labels: NDArray[np.int64], views: NDArray[np.uint8]) -> Cells:
    """The same cells as one side of a split."""
    paths = tuple(f"one/{row}.png" for row in range(len(labels)))
    names = tuple(CLASSES[label] for label in labels)
    contents = tuple(f"{row:064x}" for row in range(len(labels)))
    return Cells(paths, names, paths, contents, views, subjects=NO_SUBJECTS, drawn=True)
