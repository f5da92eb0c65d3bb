"""Typed plans as files: read, with the place of what is wrong."""

from pathlib import Path

from ...tools.testing.plan import Plan
from ...tools.testing.yaml_places import read_model


def read_plan(path: Path) -> Plan:
    """The typed plan in a YAML file; docs/playbook.md tells how to write one.

    Raises:
        UserError: the file can't be read, isn't YAML, or holds no valid plan; the message names line and key.
    """
    return read_model(Plan, path, empty="docs/playbook.md shows what a plan holds")
