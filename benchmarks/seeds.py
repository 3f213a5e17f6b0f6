"""How much do the figures owe to the seed? The same recipe, cells and split, trained anew from several.

    .venv/bin/python benchmarks/seeds.py [--seeds 1 2 3] [--family cnn] [--minutes 15] [--at-once 1]

Run it in a project after ``dvc repro split``. Each seed is trained and evaluated by the stages themselves, in
a process and a folder of its own; the project's models, reports and MLflow runs stay as they are. Nothing is
chosen by these figures: they are of the test split. With ``--at-once 2`` two seeds share the cores; budgets
are counted in work, so the figures are the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from noncells import kinds

from giemsa.settings import load_params
from giemsa.workspace import find_workspace

ROWS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "corrupted_accuracy": "accuracy, corruption suite",
    "corrupted_worst_family": "accuracy, its worst family",
    "ece": "calibration error",
    "corrupted_ece": "calibration error, corruption suite",
    "rejected": "real cells rejected",
    "strangers": "non-cells rejected",
}
LINKED = ("data", "weights", "mlflow")
MODELS = {"cnn": "cnn", "mobilenet": "fine-tuned"}


def train(root: Path, family: str, seed: int, minutes: float) -> dict[str, float]:
    """Train and evaluate in ``root``, a folder that looks like a project."""
    from giemsa.evaluation.scoring import Scorer
    from giemsa.stages import evaluate, fine_tune
    from giemsa.stages import train as from_scratch
    from giemsa.workspace import Workspace

    workspace, params = Workspace(root), load_params(root / "params.yaml")
    changes: dict[str, Any] = {"seed": seed, "budget_minutes": minutes}
    if family == "cnn":
        settings = params.train.model_copy(update=changes)
        from_scratch.run(workspace, image=params.image, train=settings, reject=params.reject)
    else:
        tuning = params.fine_tune.model_copy(update=changes)
        fine_tune.run(workspace, image=params.image, fine_tune=tuning, reject=params.reject)
    evaluate.run(workspace, image=params.image, evaluate=params.evaluate)
    found = json.loads((workspace.evaluation / "metrics.json").read_text())["models"][MODELS[family]]
    views = np.concatenate(list(kinds(60, seed=0).values()))
    strangers = Scorer(workspace.model(MODELS[family])).score(views).rejected
    return {**found, "strangers": float(strangers.mean())}


def measured(seed: int, arguments: list[str]) -> dict[str, float]:
    """Train one seed in a process and a folder of its own."""
    project = find_workspace().root
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "params.yaml").write_bytes((project / "params.yaml").read_bytes())
        for name in LINKED:
            (root / name).symlink_to(project / name)
        command = [sys.executable, __file__, *arguments, "--one", str(seed), "--root", folder]
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db"}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, cwd=root, env=environment
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"seed {seed}: " + ", ".join(f"{ROWS[name]} {100 * figures[name]:.2f}%" for name in ROWS), flush=True
    )
    return figures


def main() -> None:
    """Print each seed's figures, then a Markdown table of mean and spread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--family", choices=tuple(MODELS), default="cnn")
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(train(options.root, options.family, options.one, options.minutes)))
        return
    with ThreadPoolExecutor(options.at_once) as pool:
        rows = list(pool.map(lambda seed: measured(seed, sys.argv[1:]), options.seeds))
    print(f"\n| {options.family}, {len(rows)} seeds, {options.minutes:g} min | mean | lowest | highest |")
    print("|---|---|---|---|")
    for name, title in ROWS.items():
        values = 100 * np.array([row[name] for row in rows])
        print(f"| {title} | {values.mean():.2f}% | {values.min():.2f}% | {values.max():.2f}% |")


if __name__ == "__main__":
    main()
