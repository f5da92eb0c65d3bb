"""What the options ask for: the configuration, a list, or an analysis. The heavy parts are imported only for the last two."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ..tools.errors import UserError
from .failure import Manner
from .listing import print_config
from .settings import Resolved, Settings, load_settings
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
    settings = _prepare(resolved, flags)
    from .attend import attend, attend_list

    return attend_list(settings, stdout) if settings.list else attend(settings, stdout)


def launch_chat(flags: Mapping[str, object], *, manner: Manner) -> int:
    """Lets the person at the terminal talk about an analysis while it goes on.

    Returns:
        The exit code.

    Raises:
        UserError: there is no terminal, or the options are wrong.
        AnalyzeError: the analysis can't be begun.
    """
    from .chat.entrance import attend_chat, require_terminal

    require_terminal()
    resolved = load_settings(flags, os.environ, Path.cwd())
    manner.debug = resolved.settings.debug
    return attend_chat(_prepare(resolved, flags))


def _prepare(resolved: Resolved, flags: Mapping[str, object]) -> Settings:
    """The settings, with a store: where none is given, the person at the terminal is asked for one. It is never guessed.

    What the env file holds for MLflow goes into the environment.

    Raises:
        UserError: no store is given, and nobody can be asked.
    """
    for key, value in resolved.passed_on.items():
        os.environ.setdefault(key, value)
    settings = resolved.settings
    if settings.filter:
        from ..tools.traces.cut import condition_sql  # late: the engine that knows what a condition is takes a while to load

        condition_sql(settings.filter)
    if settings.demo or settings.tracking_uri is not None:
        return settings
    if not (settings.unattended or settings.list or settings.output == "json"):
        from .set_up.entrance import set_up_at_terminal

        found = set_up_at_terminal(settings.experiment)
        if found is not None:
            given = {**flags, "tracking_uri": found.tracking_uri, "experiment": found.experiment_id}
            return load_settings(given, os.environ, Path.cwd()).settings
    return require_store(settings)


def require_store(settings: Settings) -> Settings:
    """Passes settings that name a store, before anything heavy is imported.

    Raises:
        UserError: they name none.
    """
    if settings.tracking_uri is not None:
        return settings
    raise UserError(
        "No MLflow store is given: say --tracking-uri sqlite:////path/to/mlflow.db (or set MLFLOW_TRACKING_URI, "
        "here or in an env file), or try --demo."
    )
