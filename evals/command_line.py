"""The command line of a benchmark: its help says what it measures, in the words of its module, and how long that takes."""

import argparse
import textwrap


def command_line(name: str, measures: str | None, *, takes: str) -> argparse.ArgumentParser:
    """A parser to add arguments to.

    Args:
        name: the module's, below `evals`.
        measures: what it measures and how: the module's docstring.
        takes: how long, and on what.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {__package__}.{name}",
        description=textwrap.dedent(measures or "").strip(),
        epilog=f"Takes {takes}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
