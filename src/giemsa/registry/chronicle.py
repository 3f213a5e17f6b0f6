"""All versions over time on one offline page: how good, who was champion, and why."""

import json
from typing import TYPE_CHECKING, Any

from giemsa.pages import render
from giemsa.registry.connection import connect
from giemsa.registry.promotion import history
from giemsa.registry.versions import CHAMPION, aliases, versions
from giemsa.workspace import Workspace, whole

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

WIDTH, HEIGHT, MARGIN = 720, 240, 60
TICKS = 4


def write_chronicle(workspace: Workspace, name: str) -> None:
    """Write ``reports/models.html``; it grows with the registry, so DVC does not keep it."""
    client = connect(workspace)
    holders = aliases(client, name)
    known = [_row(version, holders) for version in versions(client, name)]
    champion = holders.get(CHAMPION, "")
    page = render(
        "models.html",
        name=name,
        champion=champion,
        versions=known[::-1],
        chart=_chart(known, champion),
        history=history(workspace, name)[::-1],
        drawn=any(row["drawn"] and row["number"] == champion for row in known),
    )
    with whole(workspace.root / "reports" / "models.html") as partial:
        partial.write_text(page, encoding="utf-8")


def _row(version: "ModelVersion", holders: dict[str, str]) -> dict[str, Any]:
    tags = version.tags
    figures = json.loads(tags.get("figures", "{}"))
    return {
        "number": str(version.version),
        "aliases": [alias for alias, holder in holders.items() if holder == str(version.version)],
        "model": tags.get("trained_model", ""),
        "drawn": tags.get("drawn") == "true",
        "accuracy": figures.get("accuracy"),
        "macro_f1": figures.get("macro_f1"),
        "data": tags.get("dvc_data_hash", "")[:12],
        "commit": tags.get("git_commit", "")[:12],
        "verdict": json.loads(tags["gate"])["verdict"]["reason"] if "gate" in tags else "",
    }


def _chart(rows: list[dict[str, Any]], champion: str) -> dict[str, Any]:
    """Lay the versions' macro-F1 out from left to right, as tight as the intervals allow."""
    measured = [row for row in rows if row["macro_f1"]]
    bottom = min((row["macro_f1"][1] for row in measured), default=0.0)
    top = max((row["macro_f1"][2] for row in measured), default=1.0)
    reach = max(top - bottom, 1e-3)

    def y(value: float) -> float:
        return round(20 + (HEIGHT - 60) * (top - value) / reach, 1)

    step = (WIDTH - 2 * MARGIN) / max(len(measured) - 1, 1)
    points = [
        {
            "x": round(MARGIN + index * step, 1),
            "y": y(row["macro_f1"][0]),
            "low": y(row["macro_f1"][1]),
            "high": y(row["macro_f1"][2]),
            "version": row["number"],
            "champion": row["number"] == champion,
        }
        for index, row in enumerate(measured)
    ]
    values = [bottom + reach * index / TICKS for index in range(TICKS + 1)]
    ticks = [{"y": y(value), "text": f"{value:.3f}"} for value in values]
    return {"width": WIDTH, "height": HEIGHT, "points": points, "ticks": ticks}
