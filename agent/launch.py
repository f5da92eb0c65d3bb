"""What the options ask for: the configuration, a list, or an analysis. The heavy parts are imported only for the last two."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ..tools.errors import UserError
from .failure import Manner
from .listing import print_config
from .settings import Settings, load_settings
from .streams import forgiving


def launch(flags: Mapping[str, object], *, show_config: bool, manner: Manner) -> int:
    """Does what the options say.

    Returns:
        The exit code.

    Raises:
        AnalyzeError: it can't be done, or a signal stopped it before there was an outcome.
    """
    resolved = load_settings(flags, os.environ, Path.cwd())
    settings = resolved.settings
    manner.as_json, manner.debug = settings.output == "json", settings.debug
    stdout = forgiving(sys.stdout)
    if show_config:
        print_config(resolved, stdout, as_json=manner.as_json)
        return 0
    for key, value in resolved.passed_on.items():
        os.environ.setdefault(key, value)
    if not settings.demo:
        _require_store(settings)
    if settings.filter:
        from ..tools.traces.cut import condition_sql  # late: the engine that knows what a condition is takes a while to load

        condition_sql(settings.filter)
    from .attend import attend, attend_list

    return attend_list(settings, stdout) if settings.list else attend(settings, stdout)


def _require_store(settings: Settings) -> None:
    """Asks for the store before anything heavy is imported; it is never guessed."""
    if settings.tracking_uri is None:
        raise UserError(
            "No MLflow store is given: say --tracking-uri sqlite:////path/to/mlflow.db (or set MLFLOW_TRACKING_URI, "
            "here or in an env file), or try --demo."
        )
