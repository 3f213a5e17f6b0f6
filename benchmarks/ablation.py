"""What each part of the recipes is worth: validation accuracy, clean and corrupted, with it and without it.

    .venv/bin/python benchmarks/ablation.py SOURCE [--only cnn] [--epochs 24] [--at-once 1] [--weights FOLDER]

SOURCE is a folder per class or a .zip of one. A tenth of it, stratified, validates and nothing else is held
out: these figures choose recipes, they do not judge models. Every row trains in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from giemsa.curation.reading import load_views
from giemsa.data.sources import open_source
from giemsa.settings import Params, load_params
from giemsa.training.batches import Labelled

ROOT = Path(__file__).parents[1]
SEVERITIES = (1, 3, 5)
ROWS: dict[str, dict[str, Any]] = {
    "cnn": {},
    "cnn: no faults of slide, optics or camera": {"faults": 0.0},
    "cnn: half the faults": {"faults": 0.5},
    "cnn: twice the faults": {"faults": 2.0},
    "cnn: full resolution throughout": {"coarse": 1.0},
    "cnn: no average of weights": {"set": {"average": 0.0}},
    "cnn: no label smoothing": {"set": {"label_smoothing": 0.0}},
    "cnn: no class weights": {"set": {"class_weight": 0.0}},
    "cnn: four narrow stages": {"set": {"widths": (24, 48, 96, 160)}},
    "mobilenet": {},
    "mobilenet: no faults of slide, optics or camera": {"faults": 0.0},
    "mobilenet: half the faults": {"faults": 0.5},
    "mobilenet: pictures as they are, not enlarged": {"set": {"enlarged_px": 96}},
    "mobilenet: no average of weights": {"set": {"average": 0.0}},
    "mobilenet: random weights": {"set": {"weights": "none"}},
}


@dataclass(frozen=True)
class Sides:
    """Cells to learn from and cells to choose by."""

    train: Labelled
    validation: Labelled


def read_sides(source: str, params: Params) -> Sides:
    """Read a source and hold out a tenth of every class, the same one each time."""
    items = [item for item in open_source(source, params.image).items() if isinstance(item.content, bytes)]
    names = sorted({str(item.label) for item in items})
    labels = np.array([names.index(str(item.label)) for item in items])
    views = load_views([item.content for item in items if isinstance(item.content, bytes)], params.image)
    held = np.zeros(len(labels), bool)
    for label in range(len(names)):
        members = np.random.default_rng(params.split.seed).permutation(np.flatnonzero(labels == label))
        held[members[: len(members) // 10]] = True
    train, validation = (Labelled(views[side], labels[side], len(names)) for side in (~held, held))
    return Sides(train, validation)


def train_one(name: str, source: str, epochs: int, weights: Path) -> dict[str, float]:
    """Train one row and score it on the validation cells, clean and under every corruption."""
    from giemsa.evaluation.corruption import FAMILIES, corrupt
    from giemsa.training import augmentation, fine_tuning, fitting, learner, networks

    params = load_params(ROOT / "params.yaml")
    row = ROWS[name]
    chances = [(operator, chance * row.get("faults", 1.0)) for operator, chance in augmentation.FAULTS]
    augmentation.FAULTS = tuple(chances)  # type: ignore[misc]
    sides = read_sides(source, params)
    classes, side = sides.train.classes, params.image.size
    if name.startswith("cnn"):
        settings: Any = params.train.model_copy(update=row.get("set", {}))
        learner.make_reproducible(settings.seed)
        network = networks.residual_network(classes, widths=settings.widths, dropout=settings.dropout)
        coarse = 8 * round(side * row.get("coarse", 2 / 3) / 8)
        phases = [
            fitting.Phase("coarse", epochs // 2, coarse),
            fitting.Phase("full", epochs - epochs // 2, side),
        ]
    else:
        settings = params.fine_tune.model_copy(update=row.get("set", {}))
        learner.make_reproducible(settings.seed)
        network = networks.mobilenet(
            classes, backbone=settings.backbone, enlarged=settings.enlarged_px, dropout=settings.dropout
        )
        if settings.weights == "imagenet":
            fine_tuning.pretrain(network, settings.backbone, weights)
        fine_tuning.fit_head(network, sides.train, sides.validation, settings, lambda _: None)
        phases = [fitting.Phase("all", epochs, side)]
    begun = time.process_time()
    history = fitting.Fit(network, sides.train, sides.validation, settings, lambda _: None).run(phases)
    spent = time.process_time() - begun
    best = min((epoch for epoch in history if epoch.phase == phases[-1].name), key=lambda e: e.val_loss)
    held = sides.validation
    families = {
        family: float(
            np.mean(
                [
                    (
                        learner.predict(network, corrupt(held.views, family, severity, 1)).argmax(axis=1)
                        == held.labels
                    ).mean()
                    for severity in SEVERITIES
                ]
            )
        )
        for family in FAMILIES
    }
    worst = min(families, key=lambda family: families[family])
    return {
        "accuracy": best.val_accuracy,
        "macro_f1": best.val_macro_f1,
        "corrupted": float(np.mean(list(families.values()))),
        f"worst ({worst})": families[worst],
        "cpu_minutes": spent / 60,
    }


def main() -> None:
    """Print one line of a Markdown table per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--only", default="")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--at-once", type=int, default=1, help="rows that share the cores")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(train_one(options.row, options.source, options.epochs, options.weights)))
        return
    names = [name for name in ROWS if name.startswith(options.only)]
    print("| recipe | accuracy | macro-F1 | corrupted | worst family | CPU min |\n|---|---|---|---|---|---|")
    with ThreadPoolExecutor(options.at_once) as pool:
        for name, figures in zip(names, pool.map(in_a_process, names), strict=True):
            worst = next(key for key in figures if key.startswith("worst"))
            print(
                f"| {name} | {figures['accuracy']:.1%} | {figures['macro_f1']:.1%} "
                f"| {figures['corrupted']:.1%} | {figures[worst]:.1%} {worst[6:]} "
                f"| {figures['cpu_minutes']:.0f} |",
                flush=True,
            )


def in_a_process(name: str) -> dict[str, float]:
    """Train one row in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--row", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
