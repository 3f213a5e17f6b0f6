"""Measure what a few more images cost a project that has many: each stage's own time, without DVC's.

    .venv/bin/python benchmarks/increment.py ../shared/data/pbc96_train.zip [--new 100] [--cells 17100]

CELLS.zip holds <class>/<name>.jpg; where it holds too few cells, the rest are drawn. All but the new ones
come in first; then the new ones do, and every step up to the split runs again, each in a process of its own,
as DVC runs it. The same images are audited in a folder, too, which no project knows. The new ones alone, in a
project that has no others, tell what the steps cost anyway, above all to start. CPU seconds are of all cores.
"""

import io
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from cells import parser_of, read
from PIL import Image as Pillow
from ruamel.yaml import YAML

from giemsa.data.drawing import KINDS, draw_cell

STAGES = ("ingest", "validate", "deduplicate", "split")
TARGETS = {("new", "run deduplicate"): 3.0, ("new", "audit FOLDER"): 3.0}


def main() -> None:
    """Print one line per step, first for all images and then for the new ones."""
    parser = parser_of(__doc__, cells=17_100)
    parser.add_argument("--new", type=int, default=100)
    chosen = parser.parse_args()
    cells = list(read(chosen.cells_zip, chosen.cells, chosen.seed).items())
    cells += [drawn(chosen.seed, number) for number in range(chosen.cells - len(cells))]
    every = len(cells) // chosen.new
    new = cells[::every][: chosen.new]
    old = [cell for cell in cells if cell not in new]
    with tempfile.TemporaryDirectory() as place:
        alone, many = prepared(Path(place) / "alone"), prepared(Path(place) / "many")
        for name, some, project in (("only", new, alone), ("old", old, many), ("new", new, many)):
            pack(project / f"{name}.zip", some)
            commands = [("ingest", f"{name}.zip"), *(("run", stage) for stage in STAGES)]
            spent = [(" ".join(command), *step(project, *command)) for command in commands]
            total = ("all these steps", sum(each[1] for each in spent), sum(each[2] for each in spent))
            unpack(project / f"{name}.zip", project / "folder")
            audited = step(project, "audit", "folder", "--json", "found.json", "--cache", "known")
            print(f"{len(some):,} {name} images")
            for command, wall, cpu in [*spent, total, ("audit FOLDER", *audited)]:
                wanted = TARGETS.get((name, command))
                verdict = f"  {'holds' if wall < wanted else 'MISSES'}: {wanted:g} s wanted" if wanted else ""
                print(f"  giemsa {command:20} {wall:8.2f} s {cpu:8.2f} CPU s{verdict}", flush=True)


def prepared(project: Path) -> Path:
    """Make a project whose classes may be small."""
    project.mkdir()
    yaml = YAML()
    params = yaml.load((Path(__file__).parents[1] / "params.yaml").read_text("utf-8"))
    params["validate"]["min_per_class"] = 1
    with (project / "params.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)
    return project


def drawn(seed: int, number: int) -> tuple[str, bytes]:
    """Draw one cell; give its path and content."""
    kind, content = KINDS[number % len(KINDS)], io.BytesIO()
    Pillow.fromarray(draw_cell(kind, np.random.default_rng([seed, number]))).save(content, "JPEG", quality=95)
    return f"{kind}/drawn_{number:05d}.jpg", content.getvalue()


def pack(path: Path, cells: list[tuple[str, bytes]]) -> None:
    """Write cells to a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in cells:
            archive.writestr(name, content)


def unpack(path: Path, folder: Path) -> None:
    """Lay a zip's cells beside those of the folder."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)


def step(project: Path, *command: str) -> tuple[float, float]:
    """Run one command of giemsa; give wall and CPU seconds."""
    giemsa = Path(sys.executable).with_name("giemsa")
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([giemsa, *command], cwd=project, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


if __name__ == "__main__":
    main()
