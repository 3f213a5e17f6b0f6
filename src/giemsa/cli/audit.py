"""``giemsa audit SOURCE``: curation of anything, standing alone."""

from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from giemsa.cli.app import app

if TYPE_CHECKING:
    from giemsa.curation.audit import Audit
    from giemsa.curation.label_errors import LabelError
    from giemsa.curation.straddling import Straddle
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
    model: Annotated[
        str | None,
        typer.Option(
            help="A folder such as models/frozen-head, whose features judge labels and find no cells."
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="A folder that remembers images: the next audit reads only new ones."),
    ] = None,
) -> None:
    """Find broken, copied and contradictory images in any source; write nothing but reports and the cache."""
    from giemsa.curation import audit as auditing
    from giemsa.curation.audit_report import write_json
    from giemsa.data.sources import open_source
    from giemsa.settings import params_or_defaults
    from giemsa.workspace import check_writable, find_workspace

    check_writable(json, html, sources=(source, against))
    params = params_or_defaults(find_workspace().params)
    opened = open_source(source, params.image)
    other = open_source(against, params.image) if against else None
    if cache:
        _check_cache(cache, source, against)
    found = auditing.audit(
        opened,
        params.image,
        params.deduplicate,
        params.validate_,
        against=other,
        compute=params.compute,
        cache=cache,
    )
    straddles = _straddles(source, found)
    suspects = None
    if model:
        found, suspects = _asked(model, opened, found)
    write_json(json, found, straddles, suspects)
    if html:
        _write_page(html, opened, found, suspects or [])
    _report(found, straddles, suspects, json, html)


def _check_cache(cache: Path, *sources: str | None) -> None:
    from giemsa.errors import UsageError

    for source in filter(None, sources):
        if cache.resolve().is_relative_to(Path(source).resolve()):
            message = f"{cache} lies in {source}, which is only read: give a cache outside of it."
            raise UsageError(message)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=cache).close()
    except OSError as error:
        message = f"{cache} takes no files ({error.strerror}): give another folder as the cache."
        raise UsageError(message) from None


def _asked(model: str, source: "Source", found: "Audit") -> "tuple[Audit, list[LabelError]]":
    """Have a model look at the images, too: what is no cell joins what is odd."""
    from dataclasses import replace

    from giemsa.evaluation.scoring import Scorer
    from giemsa.evaluation.second_look import second_look
    from giemsa.registry.versions import resolve
    from giemsa.workspace import find_workspace

    look = second_look(source, found, Scorer(resolve(model, find_workspace()).bundle))
    return replace(found, odd=(*found.odd, *look.strangers)), list(look.label_errors)


def _straddles(source: str, found: "Audit") -> "list[Straddle]":
    """Find copies in several batches, or on several sides, where the source is a project's own data/raw."""
    from giemsa.curation.straddling import straddling
    from giemsa.data.curated import read_splits
    from giemsa.data.project import holds_batches
    from giemsa.workspace import find_workspace

    raw = Path(source).resolve()
    if not raw.is_dir() or not holds_batches(raw):
        return []
    workspace = find_workspace(raw)
    sides = read_splits(workspace.splits) if workspace.splits.is_file() else None
    side_of = {} if sides is None else dict(zip(sides["path"], sides["side"], strict=True))
    return list(straddling(found.groups, side_of))


def _write_page(path: Path, source: "Source", found: "Audit", suspects: "list[LabelError]") -> None:
    from giemsa.curation.audit_report import for_review, pictures
    from giemsa.curation.gallery import write_gallery
    from giemsa.workspace import writing

    groups = for_review(found, suspects)
    shown = pictures(source, found, groups)
    with writing(path):
        write_gallery(path, groups, shown, drawn=source.drawn, unreadable=found.unreadable)


def _report(
    found: "Audit",
    straddles: "list[Straddle]",
    suspects: "list[LabelError] | None",
    json: Path,
    html: Path | None,
) -> None:
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
        ("groups of copies in several batches", sum(len(each.batches) > 1 for each in straddles)),
        ("groups of copies on several sides of the split", sum(len(each.sides) > 1 for each in straddles)),
        *([] if suspects is None else [("labels that are likely wrong", len(suspects))]),
    ):
        table.add_row(what, f"{count:,}")
    Console().print(table)
    typer.echo(f"Findings: {json}" + (f" · for review: {html}" if html else ""))
