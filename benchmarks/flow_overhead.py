"""Where the time of a retraining goes: the stages' own work, and what DVC and Prefect add to it.

    .venv/bin/python -m benchmarks.flow_overhead [RUN_ID]

reads a finished run (the last one by default) from the server of "make up". A stage's own time is what
passes between DVC's "> command" and DVC's next line, which says that outputs are noted. "before" is the
start of the task and of DVC, "after" is DVC's noting and the end of the task, "between" is what the flow
does outside tasks, such as artifacts. Start-up of server and worker, and the wait in the queue, are no part
of a run.

The demo in a fresh clone ("retrain" with source demo; both cores shared with other work, which stretches
every figure alike): overhead 3.1%, 16 of 543 seconds, 12 of them the starts of DVC, one for each of the
eight stages.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from flows.services import settings

Rows = list[dict[str, Any]]

ROOT = Path(__file__).parents[1]
NOT_STAGES = ("ingest ", "push")
NOTED = ("Updating lock file", "Generating lock file", "Use `dvc push`")


class Step(NamedTuple):
    """Seconds of one task run."""

    name: str
    before: float
    own: float
    after: float


def ask(path: str, **body: object) -> Rows:
    """Ask Prefect for rows."""
    request = Request(f"{settings(ROOT)['PREFECT_API_URL']}{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=30) as answer:
        rows: Rows = json.load(answer)
        return rows


def last_run() -> str:
    """Name the last retraining that was completed."""
    completed = {"state": {"type": {"any_": ["COMPLETED"]}}}
    flow = {"name": {"any_": ["retrain"]}}
    (run,) = ask("/flow_runs/filter", flows=flow, flow_runs=completed, sort="END_TIME_DESC", limit=1)
    return str(run["id"])


def span(row: dict[str, Any]) -> tuple[float, float]:
    """Tell when a run began and ended."""
    return at(row["start_time"]), at(row["end_time"])


def at(moment: str) -> float:
    """Turn Prefect's time into seconds."""
    return datetime.fromisoformat(moment).timestamp()


def said(task: dict[str, Any], words: str | tuple[str, ...], order: str) -> float | None:
    """Tell when a task first (or last) logged a line that begins with ``words``."""
    lines = ask("/logs/filter", logs={"task_run_id": {"any_": [task["id"]]}}, sort=f"TIMESTAMP_{order}")
    return next((at(line["timestamp"]) for line in lines if line["message"].startswith(words)), None)


def step(task: dict[str, Any]) -> Step:
    """Take a task apart; a stage that DVC had cached has no time of its own."""
    begun, ended = span(task)
    name = task["name"].split()[0]
    if task["name"].startswith(NOT_STAGES):
        return Step(name, 0, ended - begun, 0)
    command, noted = said(task, "> ", "ASC"), said(task, NOTED, "DESC")
    if command is None or noted is None:
        return Step(name, ended - begun, 0, 0)
    return Step(name, command - begun, noted - command, ended - noted)


def report(run: str) -> str:
    """Give a table: every step, the whole, and the overhead as a share of the stages' own time."""
    chosen = {"id": {"any_": [run]}}
    begun, ended = span(ask("/flow_runs/filter", flow_runs=chosen)[0])
    tasks = sorted(ask("/task_runs/filter", flow_runs=chosen), key=lambda task: str(task["start_time"]))
    steps = [step(task) for task in tasks]
    before, own, after = (sum(column) for column in list(zip(*steps, strict=True))[1:])
    rows = [
        f"{name:14}" + "".join(f"{seconds:9.1f}" for seconds in figures)
        for name, *figures in [*steps, Step("all steps", before, own, after)]
    ]
    whole = ended - begun
    between = whole - before - own - after
    share = f"overhead {(whole - own) / own:.1%}" if own else "everything was cached"
    head = f"{'step':14}{'before':>9}{'own':>9}{'after':>9}"
    return "\n".join([head, *rows, f"between {between:.1f}, in all {whole:.1f} seconds: {share}"])


if __name__ == "__main__":
    sys.stdout.write(report(sys.argv[1] if len(sys.argv) > 1 else last_run()) + "\n")
