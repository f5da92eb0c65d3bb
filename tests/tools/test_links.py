from analyze_experiment.tools.links import Pages, masked_uri, ui_command


def test_a_password_is_never_shown() -> None:
    assert masked_uri("postgresql://ana:s3cret@db:5432/mlflow") == "postgresql://ana:***@db:5432/mlflow"
    assert masked_uri("sqlite:////srv/mlflow.db") == "sqlite:////srv/mlflow.db"


def test_a_local_store_is_opened_by_a_command() -> None:
    assert ui_command("sqlite:////srv/mlflow.db") == "mlflow ui --backend-store-uri sqlite:////srv/mlflow.db"
    assert ui_command("sqlite:////srv/my store.db") == "mlflow ui --backend-store-uri 'sqlite:////srv/my store.db'"


def test_a_run_is_linked_where_the_pages_are_known() -> None:
    pages, served = Pages.of("http://pages:5000/", "sqlite:////srv/mlflow.db"), Pages.of(None, "http://server:5000")
    assert pages.run("1", "abc") == "http://pages:5000/#/experiments/1/runs/abc"
    assert served.trace("1", "tr-1", "span") == "http://server:5000/#/experiments/1/traces?selectedEvaluationId=tr-1"
    assert served.issues("1", "abc") == "http://server:5000/#/experiments/1/evaluation-runs/abc/issues"
    assert Pages.of(None, "sqlite:////srv/mlflow.db").run("1", "abc") is None
