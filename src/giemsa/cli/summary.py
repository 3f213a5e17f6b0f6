"""``giemsa summary``: the main job's outcome as one short table."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giemsa.cli.app import app

if TYPE_CHECKING:
    from rich.table import Table

    from giemsa.workspace import Workspace

HEADLINES = {"accuracy": "test accuracy", "macro_f1": "test macro-F1"}
TITLES = {
    "frozen-head": "MobileNetV3, frozen base",
    "fine-tuned": "MobileNetV3, fine-tuned",
    "cnn": "CNN from scratch",
    "ensemble": "both together",
}


@app.command()
def summary() -> None:
    """Say in short what the last run found, dropped, trained and registered."""
    from rich.console import Console

    from giemsa.registry.versions import champion_number
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    images = _read(workspace.duplicates / "summary.json")
    metrics = _read(workspace.evaluation / "metrics.json")
    receipt = _read(workspace.registration)
    console = Console(soft_wrap=True, highlight=False)
    if metrics["drawn"]:
        console.print(
            "[bold]Drawn, not real:[/] a program drew these cells; no figure says anything about blood."
        )
    console.print(_images(images))
    console.print(_models(workspace, metrics))
    console.print(f"Registered: {receipt['model']} version {receipt['version']}, {receipt['decision']}.")
    console.print(receipt["reason"])
    today = champion_number(workspace, receipt["model"])
    if today and (today == receipt["version"]) != (receipt["decision"] == "champion"):
        console.print(f'Since then version {today} became champion: "giemsa models history" tells why.')
    places = {
        "Reports": (workspace.validation / "report.html", workspace.duplicates / "gallery.html"),
        "Evaluation": (workspace.evaluation / "report.html",),
    }
    for name, files in places.items():
        console.print(f"{name}: {', '.join(str(file.relative_to(workspace.root)) for file in files)}")
    console.print("MLflow: make ui    Prefect and MLflow: make up")


def _read(path: Path) -> dict[str, Any]:
    from giemsa.errors import UsageError

    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        message = f'{path} is not there yet: run "dvc repro" (or "make run") first.'
        raise UsageError(message) from None
    return content


def _images(images: dict[str, int]) -> "Table":
    from rich.table import Table

    by_rule = [images[f"dropped_{kind}"] for kind in ("junk", "conflict", "copies")]
    table = Table("images", "", title="Images", title_justify="left")
    table.columns[1].justify = "right"
    for name, count in (
        ("found", images["images"]),
        ("cannot be read", images["unreadable"]),
        ("junk that repeats", images["dropped_junk"]),
        ("same cell under two labels", images["dropped_conflict"]),
        ("copies of a kept image", images["dropped_copies"]),
        ("dropped by a person", images["dropped"] - sum(by_rule)),
        ("kept", images["kept"]),
    ):
        table.add_row(name, f"{count:,}")
    return table


def _models(workspace: "Workspace", metrics: dict[str, Any]) -> "Table":
    from rich.table import Table

    from giemsa.training.bundle import read_info

    title = f"Models on {metrics['test_cells']:,} test cells, {metrics['confidence']:.0%} intervals"
    table = Table("model", *HEADLINES.values(), "first weights", title=title, title_justify="left")
    for name in metrics["models"]:
        low_high = {key: metrics["intervals"][name][key] for key in HEADLINES}
        figures = [
            f"{_percent(metrics['models'][name][key])} ({_percent(*low_high[key])})" for key in HEADLINES
        ]
        star = " *" if name == metrics["winner"] else ""
        table.add_row(f"{TITLES.get(name, name)}{star}", *figures, read_info(workspace.model(name)).weights)
    table.caption = "* chosen on the validation split"
    return table


def _percent(*values: float) -> str:
    return " to ".join(f"{100 * value:.1f}%" for value in values)
