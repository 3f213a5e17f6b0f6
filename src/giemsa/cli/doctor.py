"""``giemsa doctor``: what is missing, and the mend."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from giemsa.cli.app import app
from giemsa.errors import GiemsaError

if TYPE_CHECKING:
    from giemsa.settings import Params
    from giemsa.workspace import Workspace

FREE_GIB = 5
GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: whether it is well, and a sentence that else names the mend."""

    well: bool
    sentence: str


@app.command()
def doctor() -> None:
    """Tell what is missing for the main job, and the mend for each (exit code 1)."""
    from giemsa.workspace import find_workspace

    findings = list(examine(find_workspace()))
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.well else 'MISSING'}  {finding.sentence}")
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


def examine(workspace: "Workspace") -> Iterator[Finding]:
    """Look at parameters, DVC, images, pretrained weights, MLflow, Ray and disk space, in this order."""
    from giemsa.settings import load_params

    try:
        params = load_params(workspace.params)
    except GiemsaError as error:
        yield Finding(well=False, sentence=str(error))
        return
    yield Finding(well=True, sentence=f"{workspace.params} is right.")
    yield _dvc(workspace)
    yield _images(workspace)
    yield _weights(workspace, params)
    yield _mlflow(workspace)
    if params.compute.engine == "ray":
        yield _ray()
    yield _disk(workspace)


def _dvc(workspace: "Workspace") -> Finding:
    if (workspace.root / ".dvc").is_dir() and (workspace.root / "dvc.yaml").is_file():
        return Finding(well=True, sentence="DVC knows this project.")
    return Finding(
        well=False,
        sentence=f'{workspace.root} is no DVC project: stand in a checkout of giemsa, or run "dvc init".',
    )


def _images(workspace: "Workspace") -> Finding:
    from giemsa.data.batches import RECORD_FILE

    batches = sorted(file.parent.name for file in workspace.raw.glob(f"*/{RECORD_FILE}"))
    if batches:
        return Finding(
            well=True, sentence=f"{workspace.raw} holds {len(batches)} batch(es): {', '.join(batches)}."
        )
    return Finding(
        well=False, sentence=f'{workspace.raw} holds no images: run "giemsa ingest SOURCE", or "dvc pull".'
    )


def _weights(workspace: "Workspace", params: "Params") -> Finding:
    from giemsa.training.weights import downloaded, find_weights

    backbone = params.fine_tune.backbone
    if params.fine_tune.weights == "none":
        return Finding(
            well=True, sentence="fine_tune.weights is none: fine-tuning starts from random weights."
        )
    found = find_weights(backbone, workspace.weights) or downloaded(backbone)
    if found:
        return Finding(well=True, sentence=f"Pretrained weights for {backbone}: {found}.")
    return Finding(
        well=False,
        sentence=f"No weights for {backbone} in {workspace.weights} or the folder in GIEMSA_WEIGHTS: put one "
        "there, or let Keras download it on the first run.",
    )


def _mlflow(workspace: "Workspace") -> Finding:
    from giemsa.registry.connection import connect

    try:
        connect(workspace)
    except GiemsaError as error:
        return Finding(well=False, sentence=str(error))
    return Finding(well=True, sentence=f"MLflow answers at {workspace.tracking_uri}.")


def _ray() -> Finding:
    import os
    from importlib.util import find_spec

    if find_spec("ray") is None:
        return Finding(
            well=False,
            sentence="compute.engine is ray, not installed (see docs/scaling.md): or set it to local.",
        )
    where = os.environ.get("RAY_ADDRESS") or "this machine, a cluster of each command's own"
    return Finding(well=True, sentence=f"Ray is installed; it computes at {where}.")


def _disk(workspace: "Workspace") -> Finding:
    import shutil

    free = shutil.disk_usage(workspace.root).free / GIB
    return Finding(
        well=free >= FREE_GIB,
        sentence=f"{free:.0f} GiB are free at {workspace.root}"
        + ("." if free >= FREE_GIB else f": make room, {FREE_GIB} GiB are wanted."),
    )
