"""``giemsa audit SOURCE``: curation of anything, standing alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    from giemsa.curation.audit import Audit
    from giemsa.data.sources import Source


@app.command()
def audit(
    source: Annotated[
        str, typer.Argument(help="A folder, with or without classes, a .zip, an .npz or demo.")
    ],
    json: Annotated[Path, typer.Option(help="Where the findings go.")],
    html: Annotated[Path | None, typer.Option(help="Where a page for review goes.")] = None,
    against: Annotated[
        str | None, typer.Option(help="A source that must share no cell with this one.")
    ] = None,
) -> None:
    """Find broken, copied and contradictory images in any source, and write nothing but the reports."""
    from giemsa.curation import audit as auditing
    from giemsa.curation.audit_report import write_json
    from giemsa.data.sources import open_source
    from giemsa.settings import params_or_defaults
    from giemsa.workspace import find_workspace

    params = params_or_defaults(find_workspace().params)
    opened = open_source(source, params.image)
    other = open_source(against, params.image) if against else None
    found = auditing.audit(
        opened,
        params.image,
        params.deduplicate,
        params.validate_,
        against=other,
        compute=params.compute,
    )
    write_json(json, found)
    if html:
        _write_page(html, opened, found)
    _report(found, json, html)


def _write_page(path: Path, source: "Source", found: "Audit") -> None:
    from giemsa.curation.audit_report import pictures
    from giemsa.curation.gallery import write_gallery

    shown = pictures(source, found)
    write_gallery(path, found.groups, shown, drawn=source.drawn, unreadable=found.unreadable)


def _report(found: "Audit", json: Path, html: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    groups = found.groups
    table = Table(title=f"{found.images:,} images", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, count in (
        ("unreadable", len(found.unreadable)),
        ("groups of equal pictures", sum(group.kind == "exact" for group in groups)),
        ("groups of near copies", sum(group.kind == "near" for group in groups)),
        ("  of these under conflicting labels", sum(group.conflict for group in groups)),
        ("  of these junk that repeats", sum(group.junk for group in groups)),
        ("images to drop", sum(member.decision == "dropped" for each in groups for member in each.members)),
        ("images that look odd", len({each.path for each in found.odd})),
        ("pictures shared with the other source", len(found.leaks)),
    ):
        table.add_row(what, f"{count:,}")
    Console().print(table)
    typer.echo(f"Findings: {json}" + (f" · for review: {html}" if html else ""))
