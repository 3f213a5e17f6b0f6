"""Check the manifest with Great Expectations, and say what was found in plain words."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from typing import TYPE_CHECKING, Any

from giemsa.curation.quality_rules import Rule, Tables, rules, tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    import pandas as pd

    from giemsa.settings import Validate


#: What Great Expectations imports for expectations that are not used here, and for databases and a cloud.
PUT_OFF = ("altair", "scipy.stats")
LEFT_OUT = ("google.api_core", "google.auth", "google.cloud", "google.oauth2", "sqlalchemy")


@dataclass(frozen=True)
class Finding:
    """What one rule found.

    Args:
        rule: its name.
        sentence: what it demands.
        limit: the demand in figures.
        observed: what was found, in words.
        critical: whether breaking it stops the run.
        passed: whether it holds.
        expectations: the names of the expectations behind it.
    """

    rule: str
    sentence: str
    limit: str
    observed: str
    critical: bool
    passed: bool
    expectations: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """The manifest's state.

    Args:
        findings: one per rule.
        found: the manifest that the rules looked at.
    """

    findings: tuple[Finding, ...]
    found: Tables

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The critical rules that do not hold."""
        return tuple(finding for finding in self.findings if finding.critical and not finding.passed)

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """Path and reason of each image that was set aside."""
        aside = self.found.images[~self.found.images["readable"]]
        return list(zip(aside["path"], aside["reason"].fillna("no reason recorded"), strict=True))

    @property
    def drawn(self) -> bool:
        """Whether cells of the embedded demo are among the images."""
        return bool(self.found.images["drawn"].any())

    def as_json(self) -> dict[str, Any]:
        """Give everything a program may want to know; equal for equal manifests and limits."""
        counts = self.found.classes
        return {
            "passed": not self.broken,
            "drawn": self.drawn,
            "images": len(self.found.images),
            "readable": len(self.found.readable),
            "classes": {
                str(label): int(n) for label, n in sorted(zip(counts["label"], counts["images"], strict=True))
            },
            "rules": [asdict(finding) for finding in self.findings],
            "unreadable": [{"path": path, "reason": reason} for path, reason in self.unreadable],
        }


def check(manifest: pd.DataFrame, limits: Validate) -> Quality:
    """Hold the manifest against every rule.

    Args:
        manifest: as ``giemsa.data.manifest.read_manifest`` gives it.
        limits: what must hold, and which rules are critical.
    """
    found = tables(manifest)
    spelled = rules(found, limits)
    results: dict[str, list[Mapping[str, Any]]] = {}
    for table in ("images", "readable", "classes"):
        chosen = [rule for rule in spelled if rule.table == table]
        results |= _validate(_light(getattr(found, table)), chosen)
    return Quality(tuple(_finding(rule, results[rule.name], limits) for rule in spelled), found)


def _finding(rule: Rule, results: list[Mapping[str, Any]], limits: Validate) -> Finding:
    return Finding(
        rule.name,
        rule.sentence,
        rule.limit,
        rule.observed(results[-1]["result"]),
        critical=rule.name in limits.critical,
        passed=all(result["success"] for result in results),
        expectations=tuple(name for name, _ in rule.expectations),
    )


def _light(table: pd.DataFrame) -> pd.DataFrame:
    """Empty the one column of objects: no rule reads it, and tables are pickled to be told apart."""
    return table.assign(view_hashes=None) if "view_hashes" in table else table


def _validate(table: pd.DataFrame, chosen: Iterable[Rule]) -> dict[str, list[Mapping[str, Any]]]:
    """Run the rules' expectations on one table; results by rule, in the rule's own order."""
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("manifest").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
    spelled = [(rule.name, *expectation) for rule in chosen for expectation in rule.expectations]
    # The suite's results are sorted by kind of expectation: "place" brings them back to the rules' own order.
    suite = gx.ExpectationSuite(
        name="rules",
        expectations=[
            getattr(gx.expectations, name)(**given, meta={"place": place})
            for place, (_, name, given) in enumerate(spelled)
        ],
    )
    found = batch.validate(suite, result_format="BASIC").results
    ordered = sorted(found, key=lambda result: result.expectation_config.meta["place"])
    results: dict[str, list[Mapping[str, Any]]] = {}
    for (rule, _, _), each in zip(spelled, ordered, strict=True):
        results.setdefault(rule, []).append({"success": bool(each.success), "result": each.result})
    return results


def _great_expectations() -> Any:  # noqa: ANN401 - it carries no types here
    # It reads this on import and would report its use to its makers.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with lean_imports():
        import great_expectations as gx
    return gx


@contextmanager
def lean_imports() -> Iterator[None]:
    """Halve the import of Great Expectations: what no rule uses is loaded when it is used, if ever."""
    finder = _Later()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Later(MetaPathFinder):
    """Put off what can be loaded later; the rest passes for not installed, which is a case foreseen."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in LEFT_OUT:
            raise ModuleNotFoundError(fullname, name=fullname)
        spec = PathFinder.find_spec(fullname, path, target) if fullname in PUT_OFF else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
