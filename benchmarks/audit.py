"""Measure ``giemsa audit`` on real cells with planted copies, junk, conflicts and broken files.

    .venv/bin/python benchmarks/audit.py CELLS.zip [--cells 10000] [--per-kind 100] [--seed 1]

CELLS.zip holds <class>/<name>.jpg. Images in one group that are neither planted copies nor copies in the
published set (TRUE_COPIES) count as a false group.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from cells import TRUE_COPIES, parser_of, read
from planting import KINDS, Planted, plant


def main() -> None:
    """Plant, audit, and print the table."""
    parser = parser_of(__doc__, cells=10_000)
    parser.add_argument("--per-kind", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "cells"
        cells = read(chosen.cells_zip, chosen.cells, chosen.seed)
        truth = plant(cells, folder, per_kind=chosen.per_kind, seed=chosen.seed)
        began = time.perf_counter()
        giemsa = Path(sys.executable).with_name("giemsa")
        subprocess.run([giemsa, "audit", folder, "--json", f"{place}/found.json"], check=True, cwd=place)
        print(f"\n{time.perf_counter() - began:.1f} s for {sum(1 for _ in folder.rglob('*.*')):,} files\n")
        report(json.loads(Path(f"{place}/found.json").read_text("utf-8")), truth, cells)


def report(found: dict[str, object], truth: Planted, cells: dict[str, bytes]) -> None:
    """Print recall by kind, and everything that is wrong."""
    group = {path: number for number, each in enumerate(found["groups"]) for path in each["paths"]}
    hit = defaultdict(list)
    for path, (kind, original) in truth.copies.items():
        hit[kind].append(group.get(path, -1) == group.get(original, -2))
    for kind in KINDS:
        print(f"{kind:24} {sum(hit[kind]):4} of {len(hit[kind]):4} found")
    named = {path for each in found["groups"] if each["conflict"] for path in each["paths"]}
    dropped = {path for each in found["groups"] if each["keep"] is None for path in each["paths"]}
    print(f"{'label conflicts':24} {len(truth.conflicts & named):4} of {len(truth.conflicts):4} named")
    for copies in truth.junk:
        print(f"{'junk copies':24} {len(copies & dropped):4} of {len(copies):4} dropped")
    broken = {each["path"] for each in found["unreadable"]}
    print(f"{'broken files':24} {len(truth.broken & broken):4} of {len(truth.broken):4} named")
    wrong = false_groups(found["groups"], truth, cells)
    print(f"{'groups of unlike cells':24} {len(wrong):4}")
    for paths in wrong:
        print("   ", *paths)


def false_groups(
    groups: list[dict[str, list[str]]], truth: Planted, cells: dict[str, bytes]
) -> list[set[str]]:
    """Give the originals of each group that shows more than one picture."""
    picture: dict[str, object] = dict(cells)
    for first, second in TRUE_COPIES:
        if first in picture and second in picture:
            picture[second] = picture[first]
    wrong = []
    for each in groups:
        originals = {truth.copies.get(path, ("", path))[1] for path in each["paths"]}
        if any(originals <= copies for copies in truth.junk):
            continue
        if len({picture.get(path, path) for path in originals}) > 1:
            wrong.append(originals)
    return wrong


if __name__ == "__main__":
    main()
