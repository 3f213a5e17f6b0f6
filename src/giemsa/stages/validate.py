"""Hold the manifest against the rules; stop the run when a critical one is broken."""

import json

from giemsa.curation.quality import check
from giemsa.curation.quality_page import report
from giemsa.data.manifest import read_manifest
from giemsa.errors import CheckFailedError
from giemsa.progress import say
from giemsa.settings import Validate
from giemsa.workspace import Workspace, whole


def run(workspace: Workspace, *, validate: Validate) -> None:
    """Write ``reports/validation/result.json`` and ``report.html``, whatever they say.

    Raises:
        CheckFailedError: naming every critical rule that is broken; the report stands by then.
        UsageError: if there is no manifest.
    """
    quality = check(read_manifest(workspace.manifest), validate)
    with whole(workspace.validation) as folder:
        folder.mkdir()
        result = json.dumps(quality.as_json(), indent=2, ensure_ascii=False)
        (folder / "result.json").write_text(result + "\n", encoding="utf-8")
        (folder / "report.html").write_text(report(quality, validate), encoding="utf-8")
    warned = [finding.rule for finding in quality.findings if not finding.passed and not finding.critical]
    say(f"validate: {len(quality.broken)} critical rules broken, warnings: {', '.join(warned) or 'none'}")
    if quality.broken:
        reasons = "; ".join(f"{each.rule}: {each.observed}, needed {each.limit}" for each in quality.broken)
        message = (
            f"{workspace.manifest} breaks {len(quality.broken)} critical rule(s) ({reasons}): bring in what"
            ' is missing with "giemsa ingest SOURCE", or change "validate" in params.yaml;'
            f" {workspace.validation / 'report.html'} shows every rule."
        )
        raise CheckFailedError(message)
