from analyze_experiment.tools.links import masked_uri, run_link, ui_command


def test_a_password_is_never_shown() -> None:
    assert masked_uri("postgresql://ana:s3cret@db:5432/mlflow") == "postgresql://ana:***@db:5432/mlflow"
    assert masked_uri("sqlite:////srv/mlflow.db") == "sqlite:////srv/mlflow.db"


def test_a_local_store_is_opened_by_a_command() -> None:
    assert ui_command("sqlite:////srv/mlflow.db") == "mlflow ui --backend-store-uri sqlite:////srv/mlflow.db"


def test_a_run_is_linked_where_the_pages_are_known() -> None:
    assert run_link("http://pages:5000/", "sqlite:////srv/mlflow.db", "1", "abc") == "http://pages:5000/#/experiments/1/runs/abc"
    assert run_link(None, "http://server:5000", "1", "abc") == "http://server:5000/#/experiments/1/runs/abc"
    assert run_link(None, "sqlite:////srv/mlflow.db", "1", "abc") is None
