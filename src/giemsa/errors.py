"""The errors a person sees: one sentence that names the file and the mend."""


class GiemsaError(Exception):
    """The base of every expected failure; its text is shown to a person as it stands."""

    exit_code = 1


class CheckFailedError(GiemsaError):
    """The data or the model failed a check (exit code 1)."""


class UsageError(GiemsaError):
    """The command was used wrongly: a missing file, a bad parameter, an unknown name (exit code 2)."""

    exit_code = 2
