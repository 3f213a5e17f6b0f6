"""The MLflow run of a trained model: opened while it trains, rebuilt from its folder where it was lost."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import giemsa.training
from giemsa.registry.connection import connect, experiment_id
from giemsa.registry.fingerprints import fingerprint, git_commit, source_hash
from giemsa.registry.tracking import FINGERPRINT, Run, flat, stage_run
from giemsa.training.bundle import BundleInfo, Epoch, read_history, read_info
from giemsa.workspace import MODELS, Workspace

if TYPE_CHECKING:
    from mlflow.entities import Run as Entity
    from mlflow.tracking import MlflowClient


def training_run(
    workspace: Workspace, info: BundleInfo, *, known: "Entity | None" = None
) -> AbstractContextManager[Run]:
    """Open the run of a model that is about to be trained: one for each data, parameters and code.

    Args:
        workspace: the project, which knows MLflow's address.
        info: what the model will be.
        known: its run where one was found already, although the code may have changed since.
    """
    commit, changed = git_commit(workspace.root)
    tags = {
        **_data_tags(info),
        "weights": info.weights,
        "drawn": str(info.drawn).lower(),
        "pretrained": str(info.pretrained).lower(),
        "mlflow.source.git.commit": commit or "none",
        "git_changed": str(changed).lower(),
    }
    work = known.data.tags[FINGERPRINT] if known else training_fingerprint(info)
    return stage_run(workspace, info.name, fingerprint=work, params=info.params, tags=tags)


def training_fingerprint(info: BundleInfo) -> str:
    """Name the work that trains a model, by everything that decides its outcome."""
    return fingerprint(
        name=info.name,
        data=info.data.model_dump(),
        image=info.image.model_dump(),
        params=info.params,
        code=source_hash([giemsa.training]),
    )


def run_of(client: "MlflowClient", info: BundleInfo) -> "Entity | None":
    """Find the run that trained a model: of its name, on its data, with its parameters, newest finished one.

    Its code may have changed since, so that the fingerprint alone does not find it.
    """
    params = {key: str(value) for key, value in flat(info.params)}
    data = _data_tags(info)
    same = " and ".join(f"tags.`{key}` = '{value}'" for key, value in info.data.model_dump().items())
    found = client.search_runs(
        [experiment_id(client)],
        f"attributes.run_name = '{info.name}' and {same}",
        order_by=["attributes.start_time DESC"],
    )
    matching = (
        run
        for run in found
        if data.items() <= run.data.tags.items() and params.items() <= run.data.params.items()
    )
    return min(matching, key=lambda run: run.info.status != "FINISHED", default=None)


def _data_tags(info: BundleInfo) -> dict[str, str]:
    """Say which cells a model sees, and how they are prepared."""
    return {**info.data.model_dump(), "image": info.image.model_dump_json()}


def mark_run(workspace: Workspace, info: BundleInfo, tags: Mapping[str, str]) -> str:
    """Add tags to the run that trained a model; give its id, empty where there is none."""
    client = connect(workspace)
    entity = run_of(client, info)
    if entity is None:
        return ""
    Run.taken_up(client, entity).describe({}, tags)
    return str(entity.info.run_id)


def epoch_figures(epoch: Epoch) -> dict[str, float]:
    """Give what one line of ``history.csv`` adds to a run."""
    return {key: value for key, value in asdict(epoch).items() if isinstance(value, float)}


def rebuild_runs(workspace: Workspace) -> list[str]:
    """Make sure that every trained model has its run, filled from its folder; give the models' names."""
    folders = [workspace.model(name) for name in MODELS if (workspace.model(name) / "bundle.json").is_file()]
    for folder in folders:
        info = read_info(folder)
        with training_run(workspace, info, known=run_of(connect(workspace), info)) as run:
            for epoch in read_history(folder):
                run.log(epoch.epoch, epoch_figures(epoch))
    return [folder.name for folder in folders]


def record_evaluation(workspace: Workspace, metrics: Mapping[str, Any]) -> None:
    """Add to each model's run what the test cells said, with its card, confusion matrix and the figures."""
    client = connect(workspace)
    for name, figures in metrics["models"].items():
        entity = run_of(client, read_info(workspace.model(name)))
        if entity is None:
            continue
        run = Run.taken_up(client, entity)
        run.log(0, {f"test_{key}": value for key, value in figures.items() if isinstance(value, float)})
        for file in (f"model_card-{name}.md", f"confusion-{name}.csv", "figures"):
            if (workspace.evaluation / file).exists():
                run.artifact(workspace.evaluation / file, "figures" if file == "figures" else "")
