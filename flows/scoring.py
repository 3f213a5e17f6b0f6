"""The ``score`` flow: a folder of images through the champion, results and a summary for a person."""

import hashlib
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.commands import run
from flows.notifying import notify_of_failure
from flows.running import settle_in
from flows.services import services, settings
from giemsa.workspace import Workspace, find_workspace

DAY_S = 24 * 3600
SCORES = "scores"


@flow(
    name="score",
    timeout_seconds=DAY_S,
    on_failure=[notify_of_failure],
    on_crashed=[notify_of_failure],
)
def score(source: str, model: str = "champion") -> State[None]:
    """Score images with a registered model; the table lies in reports/scores.

    Args:
        source: The images: a folder, a .zip or an .npz.
        model: Which model: an alias, a version number, or a folder.
    """
    settle_in()
    workspace = find_workspace()
    out = workspace.validation.parent / SCORES / table_name(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    state = predict(source, model, out, workspace.root, return_state=True)
    if not state.is_completed():
        return Failed(message=state.message)
    summarise(out, workspace)
    return Completed(message=state.message)


def table_name(source: str) -> str:
    """Name a source's table: sources of one name in two places have two."""
    place = hashlib.sha256(str(Path(source).resolve()).encode()).hexdigest()
    return f"{Path(source).stem}-{place[:8]}.parquet"


@task(task_run_name="predict {source}", cache_policy=NO_CACHE, timeout_seconds=DAY_S)
def predict(source: str, model: str, out: Path, root: Path) -> State[None]:
    """Score every image; a run that was stopped goes on where it stood."""
    ended = run(["giemsa", "predict", source, "--model", model, "--out", str(out)], root)
    return Failed(message=ended.sentence) if ended.code else Completed(message=ended.sentence)


def summarise(out: Path, workspace: Workspace) -> None:
    """Count the classes found and the images rejected, and say where the table lies."""
    rows = pq.read_table(out, columns=["label", "rejected"]).to_pylist()
    found = Counter("rejected" if row["rejected"] else row["label"] for row in rows)
    counts = [
        {"class": name, "images": count, "percent": round(100 * count / len(rows), 1)}
        for name, count in found.most_common()
    ]
    told = f"What {out.stem} holds, of all images."
    create_table_artifact(counts, key="differential-count", description=told)
    *_, reports = services(settings(workspace.root))
    create_markdown_artifact(f"[{out.name}]({reports.address}/{SCORES}/{quote(out.name)})", key="scores")
