"""Which engine a session has."""

from pathlib import Path

import pytest

from analyze_experiment.agent.engines import chosen_engine
from analyze_experiment.agent.settings import Settings
from analyze_experiment.tools.errors import UserError
from analyze_experiment.tools.sql.process import LOCAL


def test_spark_is_chosen_by_its_address_and_needs_one(tmp_path: Path) -> None:
    assert chosen_engine(Settings(cache=tmp_path)) is LOCAL
    assert chosen_engine(Settings(cache=tmp_path, engine="duckdb", spark_remote="sc://nowhere")) is LOCAL
    with pytest.raises(UserError, match="say --spark-remote sc://host:15002"):
        chosen_engine(Settings(cache=tmp_path, engine="spark"))
