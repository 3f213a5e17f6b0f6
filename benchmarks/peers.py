"""Hold ``giemsa audit`` against other tools on the same real cells with planted copies, in one table.

    .venv/bin/python benchmarks/peers.py CELLS.zip --environments FOLDER [--cells 2000] [--per-kind 40]

CELLS.zip holds <class>/<name>.jpg. Each peer is installed into an environment of its own below FOLDER, once.
A pair is false where it joins two real cells that are not known as copies (see audit.py). A broken file
counts as named where the tool's answer or anything it prints has its name. A tool that ends in an error is
run again without the broken files. CPU seconds are of all cores and processes; MiB is the peak of the largest
process.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from cells import TRUE_COPIES, parser_of, read
from environments import FailedError, interpreter, run
from planting import KINDS, Planted, plant

ADAPTERS = Path(__file__).with_name("peer_adapters.py")


@dataclass(frozen=True)
class Tool:
    """A tool in one setting: its package, and what peer_adapters.py calls it (None: giemsa itself)."""

    title: str
    package: str
    ask: str | None
    radius: int = 0

    def command(self, folder: Path, target: Path, environments: Path) -> list[str]:
        """Give what has the tool look for copies in ``folder`` and write them to ``target``, as JSON."""
        python = interpreter(self.package if self.ask else None, environments)
        if self.ask is None:
            return [str(python.with_name("giemsa")), "audit", str(folder), "--json", str(target)]
        return [str(python), str(ADAPTERS), self.ask, str(self.radius), str(folder), str(target)]


TOOLS = (
    Tool("giemsa", "giemsa", None),
    Tool("dHash, 10 bits", "imagededup==0.3.3", "dHash", 10),
    Tool("dHash, 4 bits", "imagededup==0.3.3", "dHash", 4),
    Tool("PHash, 10 bits", "imagededup==0.3.3", "PHash", 10),
    Tool("PHash, 4 bits", "imagededup==0.3.3", "PHash", 4),
    Tool("cleanvision", "cleanvision==0.3.7", "cleanvision"),
    Tool("difPy", "difPy==4.2.1", "duplicates"),
    Tool("difPy, similar", "difPy==4.2.1", "similar"),
)


@dataclass(frozen=True)
class Answer:
    """What a tool said, and what that cost."""

    pairs: frozenset[frozenset[str]]
    named: frozenset[str]
    cpu: float
    mebibytes: float


def main() -> None:
    """Plant, ask every tool, and print the table."""
    parser = parser_of(__doc__, cells=2_000)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--per-kind", type=int, default=40)
    chosen = parser.parse_args()
    cells = read(chosen.cells_zip, chosen.cells, chosen.seed)
    columns, remarks = [], []
    with tempfile.TemporaryDirectory() as place:
        folder, readable = Path(place) / "cells", Path(place) / "readable"
        truth = plant(cells, folder, per_kind=chosen.per_kind, seed=chosen.seed)
        shutil.copytree(folder, readable)
        for path in truth.broken:
            (readable / path).unlink()
        for tool in TOOLS:
            print(f"{tool.title} …", file=sys.stderr)
            try:
                try:
                    answer = ask(tool, folder, chosen.environments, truth)
                except FailedError as error:
                    remarks.append(f"{tool.title}, broken files left out after: {error}")
                    answer = ask(tool, readable, chosen.environments, truth)
                columns.append(judged(answer, truth, cells))
            except FailedError as error:
                remarks.append(f"{tool.title}: {error}")
                columns.append({})
    report(columns, truth, remarks)


def ask(tool: Tool, folder: Path, environments: Path, truth: Planted) -> Answer:
    """Have a tool look for copies."""
    target = folder.parent / "found.json"
    target.unlink(missing_ok=True)
    printed, cpu, mebibytes = run(tool.command(folder, target, environments))
    found = json.loads(target.read_text("utf-8"))
    if tool.ask is None:
        pairs = [pair for each in found["groups"] for pair in combinations(each["paths"], 2)]
        told = {each["path"] for each in found["unreadable"]}
    else:
        pairs, told = found["pairs"], set(found["broken"])
    named = told & truth.broken | {path for path in truth.broken if Path(path).name in printed}
    return Answer(frozenset(map(frozenset, pairs)), frozenset(named), cpu, mebibytes)


def judged(answer: Answer, truth: Planted, cells: dict[str, bytes]) -> dict[str, str]:
    """Say in figures how good an answer is, one figure per row of the table."""
    figures = {}
    for kind in KINDS:
        planted = [(path, origin) for path, (own, origin) in truth.copies.items() if own == kind]
        figures[kind] = f"{sum(frozenset(pair) in answer.pairs for pair in planted)} of {len(planted)}"
    known = {frozenset(pair) for pair in TRUE_COPIES}
    real = [sorted(pair) for pair in answer.pairs - known if len(pair) > 1 and pair <= cells.keys()]
    figures["false pairs of real cells"] = f"{sum(cells[one] != cells[two] for one, two in real):,}"
    figures["broken files named"] = f"{len(answer.named)} of {len(truth.broken)}"
    figures["CPU seconds"] = f"{answer.cpu:.1f}"
    figures["MiB at the peak"] = f"{answer.mebibytes:,.0f}"
    return figures


def report(columns: list[dict[str, str]], truth: Planted, remarks: list[str]) -> None:
    """Print one Markdown table: a column per tool, a row per figure."""
    planted = len(truth.copies) + len(truth.broken) + sum(map(len, truth.junk))
    packages = dict.fromkeys(tool.package for tool in TOOLS if tool.ask)
    print(f"{planted:,} planted files; {', '.join(packages)}\n")
    print(f"| | {' | '.join(tool.title for tool in TOOLS)} |")
    print(f"|---|{'---|' * len(TOOLS)}")
    rows = [*KINDS, "false pairs of real cells", "broken files named", "CPU seconds", "MiB at the peak"]
    for row in rows:
        print(f"| {row} | {' | '.join(column.get(row, '-') for column in columns)} |")
    for remark in remarks:
        print(f"\n{remark}")


if __name__ == "__main__":
    main()
