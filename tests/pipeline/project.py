"""A small project on drawn cells, and its tools run in it as a person would."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from giemsa.data.drawing import draw_cell

ROOT = Path(__file__).parents[2]
CLASSES = ("eosinophil", "erythroblast", "monocyte", "platelet")
CELLS_PER_CLASS = 40
SMALL = {
    "image": {"size": 32},
    "validate": {"critical": ["schema", "classes", "count_per_class"]},
    "train": {"max_epochs": 24, "widths": [16, 16], "batch_size": 16, "patience": 24},
    "fine_tune": {"max_epochs": 2, "head_epochs": 1, "batch_size": 16, "weights": "none"},
    "evaluate": {"resamples": 100, "corruptions": False},
}


@dataclass(frozen=True)
class Project:
    """A project's folder, and its tools run in it as a person would."""

    root: Path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a tool of the project's environment in a process group of its own."""
        tool = Path(sys.executable).with_name(command[0])
        return subprocess.Popen(
            [str(tool), *command[1:]],
            cwd=self.root,
            env=_environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def call(self, *command: str) -> tuple[int, str]:
        """Run a tool to its end; give its exit code and all that it said."""
        process = self.start(*command)
        said, _ = process.communicate()
        return process.returncode, said

    def run(self, *command: str) -> str:
        """Run a tool that must succeed, and give what it said."""
        code, said = self.call(*command)
        assert code == 0, said
        return said

    def results(self) -> str:
        """Every dependency, parameter and output of the graph by its hash, as DVC wrote them down."""
        return (self.root / "dvc.lock").read_text(encoding="utf-8")


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "GIEMSA_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
    return own | {"PATH": path, "DVC_NO_ANALYTICS": "1"}


def write_cells(folder: Path, classes: tuple[str, ...] = CLASSES, count: int = CELLS_PER_CLASS) -> Path:
    rng = np.random.default_rng(5)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(draw_cell(name, rng)).save(folder / name / f"{number:03d}.png")
    return folder
