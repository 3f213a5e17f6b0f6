"""Where the time of a retraining goes: the stages' own work, and what DVC and Prefect add to it.

    .venv/bin/python -m benchmarks.flow_overhead [RUN_ID]

reads a finished run (the last one by default) from the server of "make up". A stage's own time is what passes
between DVC's "> command" and DVC's next line, which says that outputs are noted; what remains of the run
is overhead. Start-up of server and worker, and the wait in the queue, are no part of a run.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from flows.services import settings

Rows = list[dict[str, Any]]

ROOT = Path(__file__).parents[1]
NOT_STAGES = ("ingest ", "push")
NOTED = ("Updating lock file", "Generating lock file", "Use `dvc push`")


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


def passed(row: dict[str, Any]) -> timedelta:
    """Tell how long a run took."""
    return datetime.fromisoformat(row["end_time"]) - datetime.fromisoformat(row["start_time"])


def own_time(task: dict[str, Any]) -> timedelta:
    """Tell how long the stage itself ran: not at all where DVC had it cached."""
    if task["name"].startswith(NOT_STAGES):
        return passed(task)
    lines = ask("/logs/filter", logs={"task_run_id": {"any_": [task["id"]]}}, sort="TIMESTAMP_ASC", limit=200)
    said = [(datetime.fromisoformat(line["timestamp"]), line["message"]) for line in lines]
    begun = [when for when, text in said if text.startswith("> ")]
    noted = [when for when, text in said if text.startswith(NOTED)]
    return noted[0] - begun[0] if begun and noted else timedelta()


def report(run: str) -> str:
    """Give a table: every step, the whole, and the overhead as a share of the stages' own time."""
    chosen = {"id": {"any_": [run]}}
    total = passed(ask("/flow_runs/filter", flow_runs=chosen)[0])
    tasks = sorted(ask("/task_runs/filter", flow_runs=chosen), key=lambda task: str(task["start_time"]))
    steps = [(task["name"].split()[0], passed(task), own_time(task)) for task in tasks]
    own = sum((worked for *_, worked in steps), timedelta())
    rows = [
        f"{name:14}{took.total_seconds():9.1f}{worked.total_seconds():9.1f}"
        for name, took, worked in [*steps, ("run", total, own)]
    ]
    share = f"overhead {(total - own) / own:.1%}" if own else "everything was cached"
    return "\n".join([f"{'step':14}{'seconds':>9}{'own':>9}", *rows, share])


if __name__ == "__main__":
    sys.stdout.write(report(sys.argv[1] if len(sys.argv) > 1 else last_run()) + "\n")
