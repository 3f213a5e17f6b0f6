"""What a person sees of a retraining in the Prefect UI: tables, pictures, the decision, links."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.services import services, settings
from giemsa.workspace import Workspace

DECIMALS = 4


def publish(stage: str, workspace: Workspace) -> None:
    """Show what ``stage`` found out, where it is one that a person reads about."""
    if stage in PUBLISHERS:
        PUBLISHERS[stage](workspace)


def read_json(path: Path) -> dict[str, Any]:
    """Read a report's figures; an empty one where there is no report."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def links(workspace: Workspace) -> str:
    """List in Markdown where to read on: the reports, the runs, the registered version."""
    _, mlflow, reports = services(settings(workspace.root))
    receipt = read_json(workspace.registration)
    lines = [
        f"- [What was dropped, and why]({reports.address}/duplicates/gallery.html)",
        f"- [Validation]({reports.address}/validation/report.html)",
        f"- [Evaluation]({reports.address}/evaluation/report.html)",
        f"- [Runs in MLflow]({mlflow.address}/#/experiments)",
    ]
    if receipt:
        version = f"{receipt['model']}/versions/{receipt['version']}"
        lines.append(f"- [Version {receipt['version']} in MLflow]({mlflow.address}/#/models/{version})")
    return "\n".join(lines)


def _publish_duplicates(workspace: Workspace) -> None:
    summary = read_json(workspace.duplicates / "summary.json")
    counts = [
        {"what": key.replace("_", " "), "count": value} for key, value in summary.items() if _is_count(value)
    ]
    if counts:
        create_table_artifact(counts, key="duplicates", description="What deduplication found and dropped.")
    _show(
        workspace.duplicates / "classes.png", "classes", "Images per class, before and after deduplication."
    )


def _publish_evaluation(workspace: Workspace) -> None:
    models = read_json(workspace.evaluation / "metrics.json").get("models", {})
    rows = [
        {"model": name, **{key.replace("_", " "): _short(value) for key, value in figures.items()}}
        for name, figures in models.items()
    ]
    if rows:
        create_table_artifact(rows, key="evaluation", description="Each model on the test split.")
    confusion = workspace.evaluation / "figures" / "confusion.png"
    _show(
        confusion,
        "confusion",
        "Confusion matrices of every model, the network before and after fine-tuning among them.",
    )


def _publish_promotion(workspace: Workspace) -> None:
    receipt = read_json(workspace.registration)
    if not receipt:
        return
    conditions = [{key: _short(value) for key, value in each.items()} for each in receipt["conditions"]]
    text = (
        f"## The gate's decision: version {receipt['version']}, {receipt['decision']}\n\n"
        f"{receipt['reason']}\n\n{links(workspace)}"
    )
    create_markdown_artifact(text, key="decision", description="Was the new model promoted, and why.")
    if conditions:
        create_table_artifact(
            conditions, key="gate", description=f"What it had to show against {receipt['against']}."
        )


def _show(picture: Path, key: str, description: str) -> None:
    """Keep the picture itself with the run: the file will be another one after the next retraining."""
    if picture.is_file():
        content = base64.b64encode(picture.read_bytes()).decode("ascii")
        markdown = f"![{description}](data:image/png;base64,{content})"
        create_markdown_artifact(markdown, key=key, description=description)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: object) -> object:
    return round(value, DECIMALS) if isinstance(value, float) else value


PUBLISHERS: dict[str, Callable[[Workspace], None]] = {
    "deduplicate": _publish_duplicates,
    "evaluate": _publish_evaluation,
    "register": _publish_promotion,
}
