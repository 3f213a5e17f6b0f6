"""The ``retrain`` flow: new images in, every stage of the graph brought up to date, data pushed."""

from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff

from flows.artifacts import publish, read_json
from flows.commands import run
from flows.notifying import notify, notify_of_failure
from flows.parameters import images_of, override
from flows.reproducing import alone, failed, may_pass, push, reproduce, stages
from flows.running import settle_in
from giemsa.errors import GiemsaError
from giemsa.workspace import Workspace, find_workspace

DAY_S = 24 * 3600
REGISTER = "register"


@flow(
    name="retrain",
    timeout_seconds=DAY_S,
    on_failure=[notify_of_failure],
    on_crashed=[notify_of_failure],
)
def retrain(
    source: str = "",
    overrides: dict[str, bool | int | float | str | list[Any]] | None = None,
    promote: bool = True,  # noqa: FBT001, FBT002 - a form's tick box
    force: bool = False,  # noqa: FBT001, FBT002
) -> State[None]:
    """Take in new images and bring every stage up to date; the winner faces the standing champion.

    Args:
        source: Where new images are: a folder per class, a .zip, an .npz, bloodmnist or demo.
            Empty: the inbox.
        overrides: Values for params.yaml by dotted name, such as {"train.max_epochs": 20}.
            They stay in the file.
        promote: Let the winner face the champion in the registry. Off: stop after the evaluation, for a
            person to read; a second run with it on goes on from there.
        force: Run every stage even where nothing has changed.
    """
    settle_in()
    workspace = find_workspace()
    try:
        images = images_of(source, workspace)
        with alone(workspace.root):
            override(workspace.params, overrides or {})
            states = _take_steps(workspace, images, promote=promote, force=force)
    except GiemsaError as error:
        return Failed(message=str(error))
    return _conclude(states)


def _take_steps(workspace: Workspace, images: str | None, *, promote: bool, force: bool) -> list[State[Any]]:
    """Run the tasks one after another until one fails."""
    states: list[State[Any]] = []
    if images:
        states.append(ingest(images, workspace.root, return_state=True))
    for stage in stages(workspace.root):
        if _failed(states) or (stage == REGISTER and not promote):
            break
        before = read_json(workspace.registration)
        states.append(reproduce(stage, workspace.root, force=force, return_state=True))
        if states[-1].is_completed():
            publish(stage, workspace)
            if stage == REGISTER:
                _tell_of_promotion(before, read_json(workspace.registration))
    if not _failed(states):
        states.append(push(workspace.root, return_state=True))
    return states


def _conclude(states: list[State[Any]]) -> State[None]:
    if _failed(states):
        return Failed(message=states[-1].message)
    ran = sum(state.name != "Cached" for state in states)
    if not ran:
        return Completed(message="Nothing has changed: every step was up to date.")
    return Completed(message=f"{ran} of {len(states)} steps had something to do.")


def _failed(states: list[State[Any]]) -> bool:
    return bool(states) and not states[-1].is_completed()


def _tell_of_promotion(before: dict[str, Any], receipt: dict[str, Any]) -> None:
    """Tell people where another version is champion than the last receipt said."""
    told = ("model", "version", "decision")
    if receipt.get("decision") == "champion" and any(before.get(key) != receipt[key] for key in told):
        notify(f"{receipt['model']}: version {receipt['version']} is champion", receipt["reason"])


@task(
    task_run_name="ingest {source}",
    cache_policy=NO_CACHE,
    timeout_seconds=DAY_S,
    retries=6,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_condition_fn=may_pass,
)
def ingest(source: str, root: Path) -> State[None]:
    """Copy new images into the raw data; it ends as Cached where none of them was new."""
    pointer = root / "data" / "raw.dvc"
    before = pointer.read_bytes() if pointer.exists() else b""
    ended = run(["giemsa", "ingest", source], root)
    if ended.code:
        return failed("ingest", ended)
    unchanged = pointer.exists() and pointer.read_bytes() == before
    return Completed(name="Cached" if unchanged else "Completed", message=ended.sentence)
