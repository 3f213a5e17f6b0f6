"""Where a prediction comes from: model, run, parameters, commit, data, and back to the images."""

import csv
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from giemsa.data.curated import read_curated, read_splits
from giemsa.errors import UsageError
from giemsa.registry.connection import connect
from giemsa.registry.fingerprints import commit_holding, content_hash
from giemsa.registry.versions import aliases, find, has_registry, resolve, versions
from giemsa.settings import params_or_defaults
from giemsa.training.bundle import read_seen
from giemsa.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

Facts = dict[str, str]


def trace(what: str, workspace: Workspace) -> Facts:
    """Tell where something comes from.

    Args:
        what: a table of predictions (``.parquet``), a registered version, or an image file.
        workspace: the project.

    Raises:
        UsageError: if it is none of these, or nothing is known of it.
    """
    path = Path(what)
    if path.suffix.lower() == ".parquet" and path.is_file():
        try:
            facts = pq.read_schema(path).metadata or {}
        except (pa.ArrowInvalid, OSError) as error:
            message = f"{path} is no table of predictions: it cannot be read as Parquet."
            raise UsageError(message) from error
        model = facts.get(b"model", b"").decode()
        if not model:
            message = f'{path} does not say which model wrote it: only tables of "giemsa predict" do.'
            raise UsageError(message)
        if Path(model).is_dir():
            return {"model": model, "data": facts[b"data"].decode()}
        version = find(model, workspace)
        found = of_version(version, workspace)
        if (data := facts.get(b"data", b"").decode()) != version.tags.get("dvc_data_hash"):
            found |= {
                "not this one": f"the table's model learned from other data, {data}, in another registry"
            }
        return found
    if path.is_file():
        return of_image(path, workspace)
    return of_version(find(what, workspace), workspace)


def of_version(version: "ModelVersion", workspace: Workspace) -> Facts:
    """Tell how a registered version came about, and how to bring its data back."""
    tags = version.tags
    commit = tags.get("git_commit", "")
    holders = aliases(connect(workspace), version.name)
    facts = {
        "model": f"{version.name}/{version.version}",
        "aliases": ", ".join(alias for alias, holder in holders.items() if holder == str(version.version)),
        "trained as": tags.get("trained_model", ""),
        "run": version.run_id or "",
        "parameters": tags.get("params_hash", ""),
        "commit": commit + (" with uncommitted changes" if tags.get("git_changed") == "true" else ""),
        "data": tags.get("dvc_data_hash", ""),
        "splits": tags.get("dvc_splits_hash", ""),
        "verdict": json.loads(tags["gate"])["verdict"]["reason"] if "gate" in tags else "",
        "its data": _way_back(workspace, tags),
    }
    if _stand(workspace, tags):
        facts["its data"] = f"{workspace.curated} and {workspace.splits}, as they stand ({_sides(workspace)})"
    return {name: fact for name, fact in facts.items() if fact}


def _stand(workspace: Workspace, tags: Facts) -> bool:
    """Tell whether the project holds the cells and the splits that a version learned from."""
    return (
        workspace.curated.is_dir()
        and workspace.splits.is_file()
        and content_hash(workspace.curated) == tags.get("dvc_data_hash")
        and content_hash(workspace.splits) == tags.get("dvc_splits_hash")
    )


def _way_back(workspace: Workspace, tags: Facts) -> str:
    """Tell how to bring a version's data back: at a commit as it was, else where dvc.lock names them."""
    if tags.get("git_changed") == "false":
        return f"git checkout {tags['git_commit']} && dvc pull"
    hashes = (tags.get("dvc_data_hash", ""), tags.get("dvc_splits_hash", ""))
    if commit := commit_holding(workspace.root, "dvc.lock", hashes):
        return f"git checkout {commit} && dvc pull"
    return "no commit names them: the dvc.lock of that training was never committed"


def of_image(path: Path, workspace: Workspace) -> Facts:
    """Tell what became of an image: where it is kept, on which side, who corrected it, who learned from it.

    Raises:
        UsageError: if the image never came in.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    facts: dict[str, str] = {"sha256": digest, **_correction(digest, workspace)}
    if workspace.curated.is_dir():
        columns = ["path", "label", "group", "batch", "sha256"]
        for row in read_curated(workspace.curated, columns).to_pylist():
            if row["sha256"] == digest:
                facts |= {key: str(row[key]) for key in columns if row[key]}
                facts["side"] = _side_of(row["path"], workspace)
    facts["versions that learned from it"] = ", ".join(_learned_from(digest, workspace))
    facts = {name: fact for name, fact in facts.items() if fact}
    if len(facts) == 1:
        message = f"{path} is not among the curated cells, nor was it ever corrected or learned from."
        raise UsageError(message)
    return facts


def _sides(workspace: Workspace) -> str:
    counts = read_splits(workspace.splits)["side"].value_counts().sort_index()
    return ", ".join(f"{count:,} {side}" for side, count in counts.items())


def _side_of(path: str, workspace: Workspace) -> str:
    splits = read_splits(workspace.splits)
    found = splits.loc[splits["path"] == path, "side"]
    return str(found.iloc[0]) if len(found) else ""


def _learned_from(digest: str, workspace: Workspace) -> list[str]:
    """Name the versions that were trained or chosen by an image; one whose files are lost says so."""
    if not has_registry(workspace):
        return []
    name = params_or_defaults(workspace.params).register_.model
    found = []
    for version in versions(connect(workspace), name):
        reference = f"{name}/{version.version}"
        try:
            if digest in read_seen(resolve(reference, workspace).bundle):
                found.append(reference)
        except UsageError:
            found.append(f"perhaps {reference}, whose files are lost")
    return found


def _correction(digest: str, workspace: Workspace) -> dict[str, str]:
    record = workspace.inbox / "corrections.csv"
    if not record.is_file():
        return {}
    with record.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["sha256"] == digest]
    if not lines:
        return {}
    last = lines[-1]
    return {"corrected": f"from {last['predicted']} to {last['label']} by {last['who']}, {last['when']}"}
