"""``giemsa models``: what is registered, who is champion, and why."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

models = typer.Typer(
    help="The registered versions: list, compare, promote, roll back, history.", no_args_is_help=True
)
app.add_typer(models, name="models")

Reference = Annotated[str, typer.Argument(help="An alias, a version number or NAME/VERSION.")]
Why = Annotated[str, typer.Option("--why", help="The reason, kept in the history.")]


@models.command("list")
def list_versions() -> None:
    """List the registered versions, the newest first."""
    from giemsa.registry.connection import connect
    from giemsa.registry.versions import aliases, versions
    from giemsa.settings import load_params
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    name = load_params(workspace.params).register_.model
    client = connect(workspace)
    holders = aliases(client, name)
    found = versions(client, name)
    if not found:
        typer.echo(f'{name} has no version yet: "make run" trains and registers one.')
    for version in reversed(found):
        titles = [alias for alias, holder in holders.items() if holder == str(version.version)]
        typer.echo(_line(version, titles))


@models.command("compare")
def compare_versions(a: Reference, b: Reference) -> None:
    """Score today's test cells with A and B, and show what B gains over A."""
    from giemsa.registry.registration import compare_models
    from giemsa.settings import load_params
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    compared = compare_models(workspace, a, b, load_params(workspace.params).evaluate)
    typer.echo(f"{b} against {a} on {compared.cells:,} test cells, interval {compared.confidence:.0%}:")
    named = {**compared.gains, **{f"recall {kind}": change for kind, change in compared.recall.items()}}
    for name, change in named.items():
        typer.echo(f"  {name:<22}{change.value:+.4f}  ({change.low:+.4f} to {change.high:+.4f})")
    test = compared.mcnemar
    typer.echo(
        f"  only {a} right: {test.only_a}, only {b} right: {test.only_b}, "
        f"McNemar p = {test.p_value:.3g}, each cell counted for itself"
    )


@models.command("promote")
def promote(version: Reference, why: Why = "A person's decision.") -> None:
    """Make VERSION champion, whatever the gate said of it."""
    from giemsa.registry.promotion import move
    from giemsa.registry.versions import find
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    found = find(version, workspace)
    entry = move(workspace, found.name, action="promote", version=str(found.version), why=why)
    typer.echo(f"{found.name}/{entry.version} is champion{_instead(entry.before)}.")


@models.command("rollback")
def rollback(why: Why = "A person's decision.") -> None:
    """Make the champion before the present one champion again."""
    from giemsa.registry.promotion import roll_back
    from giemsa.settings import load_params
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    name = load_params(workspace.params).register_.model
    entry = roll_back(workspace, name, why)
    typer.echo(f"{name}/{entry.version} is champion again{_instead(entry.before)}.")


@models.command("history")
def show_history() -> None:
    """Tell who made which version champion, when and why; writes reports/models.html too."""
    from giemsa.registry.chronicle import write_chronicle
    from giemsa.registry.promotion import history
    from giemsa.settings import load_params
    from giemsa.workspace import find_workspace

    workspace = find_workspace()
    name = load_params(workspace.params).register_.model
    for entry in history(workspace, name):
        typer.echo(f"{entry.when}  {entry.action:<9} {name}/{entry.version:<4} by {entry.who}: {entry.why}")
        for condition in entry.gate.get("conditions", ()):
            sign = "holds" if condition["passed"] else "FAILS"
            interval = f"({condition['low']:+.4f} to {condition['high']:+.4f})"
            limit = f"limit {condition['limit']:+.4f}"
            typer.echo(f"    {sign}  {condition['name']} {condition['figure']:+.4f} {interval}, {limit}")
    write_chronicle(workspace, name)


def _line(version: "ModelVersion", titles: list[str]) -> str:
    tags = version.tags
    figures = json.loads(tags.get("figures", "{}"))
    scores = "  ".join(
        f"{name} {figures[name][0]:.4f} ({figures[name][1]:.4f}-{figures[name][2]:.4f})"
        for name in ("accuracy", "macro_f1")
        if name in figures
    )
    drawn = "  drawn, not real" if tags.get("drawn") == "true" else ""
    label = f"{version.name}/{version.version}"
    holder = f"[{', '.join(titles)}]" if titles else ""
    data = tags.get("dvc_data_hash", "")[:8]
    return f"{label:<28}{holder:<14}{tags.get('trained_model', ''):<12}{scores}  data {data}{drawn}"


def _instead(before: str) -> str:
    return f" in place of {before}" if before else ""
