"""How much do the figures owe to the seed? The same recipes, cells and split, trained anew from several.

    .venv/bin/python benchmarks/seeds.py [--seeds 1 2 3] [--minutes 15] [--at-once 1]
        [--pictures FOLDER] [--smears SOURCE]

Run it in a project after ``dvc repro split``. The minutes are shared evenly by the CNN and the fine-tuning;
both together cost no more, and they alone decide how many epochs there are. Each seed is trained and
evaluated by the stages themselves, in a process and a folder of its own; the project's models, reports and
MLflow runs stay as they are. Nothing is chosen by these figures: they are of the test split. With
``--at-once 2`` two seeds share the cores; budgets are counted in work, so the figures are the same.
"""

import argparse
import json
import os
import shutil
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
MODELS = ("cnn", "fine-tuned", "ensemble")
Figures = dict[str, dict[str, float]]


def train(root: Path, seed: int, options: argparse.Namespace) -> Figures:
    """Train and evaluate in ``root``, a folder that looks like a project."""
    from giemsa.evaluation.scoring import Scorer
    from giemsa.stages import combine, evaluate, fine_tune
    from giemsa.stages import train as from_scratch
    from giemsa.workspace import Workspace

    workspace, params = Workspace(root), load_params(root / "params.yaml")
    changes: dict[str, Any] = {"seed": seed, "budget_minutes": options.minutes / 2, "max_epochs": 1000}
    common: dict[str, Any] = {"image": params.image, "reject": params.reject}
    from_scratch.run(workspace, train=params.train.model_copy(update=changes), **common)
    fine_tune.run(workspace, fine_tune=params.fine_tune.model_copy(update=changes), **common)
    combine.run(workspace, **common)
    shutil.rmtree(workspace.model("frozen-head"))
    evaluate.run(workspace, image=params.image, evaluate=params.evaluate)
    found = json.loads((workspace.evaluation / "metrics.json").read_text())["models"]
    views = np.concatenate(list(kinds(60, 0, options.pictures, options.smears).values()))
    strangers = {name: Scorer(workspace.model(name)).score(views).rejected for name in MODELS}
    return {name: {**found[name], "strangers": float(strangers[name].mean())} for name in MODELS}


def measured(seed: int, arguments: list[str]) -> Figures:
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
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    for name, found in figures.items():
        row = ", ".join(f"{ROWS[key]} {100 * found[key]:.2f}%" for key in ROWS)
        print(f"seed {seed}, {name}: {row}", flush=True)
    return figures


def main() -> None:
    """Print each seed's figures, then a Markdown table: mean, and in brackets lowest and highest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--pictures", type=Path, help="a folder of pictures that are no cells")
    parser.add_argument("--smears", type=Path, help="published 360 x 363 pictures, for their corners")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(train(options.root, options.one, options)))
        return
    with ThreadPoolExecutor(options.at_once) as pool:
        rows = list(pool.map(lambda seed: measured(seed, sys.argv[1:]), options.seeds))
    print(f"\n| {len(rows)} seeds, {options.minutes:g} min | {' | '.join(MODELS)} |")
    print("|---" * (len(MODELS) + 1) + "|")
    for key, title in ROWS.items():
        values = {name: 100 * np.array([row[name][key] for row in rows]) for name in MODELS}
        cells = [f"{each.mean():.2f}% ({each.min():.2f} to {each.max():.2f})" for each in values.values()]
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
