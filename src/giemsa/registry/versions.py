"""The versions of the registered model: made once for each trained model, and found again by reference."""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from giemsa.errors import UsageError
from giemsa.registry.connection import connect, experiment_id, locked, unanswered
from giemsa.registry.packaging import package, packaged_bundle
from giemsa.registry.prediction import ResolvedModel
from giemsa.settings import params_or_defaults
from giemsa.training.bundle import read_info
from giemsa.workspace import Workspace, whole

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION = "champion"
CHALLENGER = "challenger"

_NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
_REFERENCE = re.compile(r"(?:models:/)?(?:(?P<name>[^/@]+)[/@])?(?P<which>[\w.-]+)")


def register_version(
    workspace: Workspace, bundle: Path, *, name: str, run_id: str | None, tags: Mapping[str, str]
) -> "ModelVersion":
    """Register a trained model, or find the version that it already is.

    A process killed on the way leaves an unfinished upload, which the next one clears away.

    Args:
        workspace: the project, which knows MLflow's address.
        bundle: the trained model's folder.
        name: the registered model's name.
        run_id: the training run it came from, where one is known.
        tags: facts to record on the version, its ``fingerprint`` among them; ``model_id`` is added.

    Raises:
        UsageError: if MLflow does not answer.
    """
    client = connect(workspace)
    with locked(workspace):
        found = version_of(client, name, tags["fingerprint"])
        if found:
            return found
        _ensure_name(client, name)
        model_id, location = _upload(client, bundle, tags["fingerprint"], run_id)
        facts = {**tags, "model_id": model_id}
        return client.create_model_version(name, location, run_id=run_id, tags=facts)


def champion(client: "MlflowClient", name: str) -> "ModelVersion | None":
    """Find the standing champion."""
    number = aliases(client, name).get(CHAMPION)
    return client.get_model_version(name, number) if number else None


def version_of(client: "MlflowClient", name: str, fingerprint: str) -> "ModelVersion | None":
    """Find the version that a trained model is registered as."""
    return next((one for one in versions(client, name) if one.tags.get("fingerprint") == fingerprint), None)


def versions(client: "MlflowClient", name: str) -> list["ModelVersion"]:
    """List the versions of a registered model, the oldest first."""
    found = client.search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda version: int(version.version))


def aliases(client: "MlflowClient", name: str) -> dict[str, str]:
    """Tell which version each alias stands for; empty where nothing is registered."""
    found = client.search_registered_models(f"name = '{name}'")
    return {alias: str(version) for alias, version in found[0].aliases.items()} if found else {}


def resolve(reference: str, workspace: Workspace) -> ResolvedModel:
    """Find a model by what a person calls it.

    Args:
        reference: a folder (of a trained model, or a downloaded MLflow model), or a registry reference:
            ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, ``NAME@ALIAS``, ``NAME/VERSION``, an alias or
            a version number alone.
        workspace: the project, which knows MLflow's address and the registered model's name.

    Raises:
        UsageError: if there is no such model.
    """
    folder = Path(reference)
    if folder.is_dir():
        bundle = packaged_bundle(folder) if (folder / "MLmodel").is_file() else folder
        return ResolvedModel(bundle, str(folder), read_info(bundle).data.curated)
    version = find(reference, workspace)
    bundle = packaged_bundle(_fetch(version, workspace))
    label = f"{version.name}/{version.version}"
    return ResolvedModel(bundle, label, read_info(bundle).data.curated, registered=True)


def champion_number(workspace: Workspace, name: str) -> str:
    """Give the number of today's champion; empty where there is none."""
    return aliases(connect(workspace), name).get(CHAMPION, "") if has_registry(workspace) else ""


def find(reference: str, workspace: Workspace) -> "ModelVersion":
    """Find a registered version by a registry reference, see :func:`resolve`.

    Raises:
        UsageError: if nothing is registered under it, or MLflow does not answer.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None or not has_registry(workspace):
        raise _unknown(reference)
    from mlflow.exceptions import MlflowException

    name = parts["name"] or params_or_defaults(workspace.params).register_.model
    client = connect(workspace)
    try:
        if parts["which"].isdigit():
            return client.get_model_version(name, parts["which"])
        return client.get_model_version_by_alias(name, parts["which"])
    except MlflowException as error:
        if error.error_code in _NOT_THERE:
            raise _unknown(reference) from None
        raise unanswered(workspace.tracking_uri, error) from None


def _unknown(reference: str) -> UsageError:
    return UsageError(
        f'There is no model "{reference}": give a folder with a bundle.json, an alias such as {CHAMPION}, '
        'or a version that "giemsa models list" shows; "make run" trains and registers one.'
    )


def has_registry(workspace: Workspace) -> bool:
    """Tell whether there is a registry to ask: asking must not leave an empty database behind."""
    scheme, _, path = workspace.tracking_uri.partition(":///")
    return scheme != "sqlite" or Path(path).is_file()


def _ensure_name(client: "MlflowClient", name: str) -> None:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="Classifies single stained blood cells.")


def _upload(client: "MlflowClient", bundle: Path, fingerprint: str, run_id: str | None) -> tuple[str, str]:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    experiment = experiment_id(client)
    same = f"tags.`fingerprint` = '{fingerprint}'"
    for earlier in client.search_logged_models([experiment], filter_string=same):
        if earlier.status == LoggedModelStatus.READY:  # uploaded under another name
            return earlier.model_id, earlier.artifact_location
        client.delete_logged_model(earlier.model_id)
    info = read_info(bundle)
    model = client.create_logged_model(
        experiment,
        info.name,
        source_run_id=run_id,
        tags={"fingerprint": fingerprint},
        model_type="classifier",
    )
    with tempfile.TemporaryDirectory() as scratch:
        package(bundle, Path(scratch) / "model")
        client.log_model_artifacts(model.model_id, str(Path(scratch) / "model"))
    if run_id:
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return model.model_id, model.artifact_location


def _fetch(version: "ModelVersion", workspace: Workspace) -> Path:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    try:
        if version.source.startswith(("file:", "/")):
            folder = _at_home(Path(local_file_uri_to_path(version.source)), workspace)
        else:
            place = hashlib.sha256(f"{workspace.tracking_uri} {version.source}".encode()).hexdigest()
            name = f"{version.name}-{version.version}-{place[:12]}"  # each registry has a version 1
            folder = workspace.root / ".cache" / "models" / name
            if not folder.is_dir():
                with whole(folder) as partial:
                    partial.mkdir()
                    download_artifacts(
                        version.source, dst_path=str(partial), tracking_uri=workspace.tracking_uri
                    )
    except (MlflowException, OSError) as error:
        raise _lost(version) from error
    if not (folder / "MLmodel").is_file():
        raise _lost(version)
    return folder


def _at_home(folder: Path, workspace: Workspace) -> Path:
    """Find a registered folder in this project, where the project was copied or moved since."""
    *_, tail = folder.as_posix().rpartition("/mlartifacts/")
    here = workspace.root / "mlartifacts" / tail
    return here if here.is_dir() else folder


def _lost(version: "ModelVersion") -> UsageError:
    return UsageError(
        f"The files of {version.name}/{version.version} cannot be read from {version.source}: "
        'restore them, or promote another version ("giemsa models list").'
    )
