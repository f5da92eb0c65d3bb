"""A Spark Connect server as a test starts it: on this machine alone, small and quick to start, ended by who started it."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from analyze_experiment.tests.mlflow_servers import free_port

QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmn600m -Xss64m -XX:ReservedCodeCacheSize=240m"
"""For a Java that does little and is over soon: no second compiler, one collector; deep stacks for patterns over long texts, and
room for the code of hundreds of queries: with the 48 MB of the first compiler alone it died of them."""
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@contextmanager
def spark_server(folder: Path) -> Generator[str]:
    """The address of a server with two threads."""
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        pytest.skip("needs Spark: pip install 'analyze-experiment[spark]'")
    if shutil.which("java") is None:
        pytest.skip("needs Java 17: apt-get install openjdk-17-jre-headless")
    port, home = free_port(), Path(found.origin).parent
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(folder / "local"),
        "spark.log.level": "ERROR",
        # Queries over a few rows are over before their code would be compiled.
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        # Each query is planned once, into one partition: a plan that is made anew after each of its stages costs more than these.
        "spark.default.parallelism": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.artifact.isolation.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
    }
    command = [str(home / "bin" / "spark-submit"), "--class", SERVER, "--master", "local[2]", "--driver-memory", "1g"]
    scratch = folder / "scratch"
    scratch.mkdir()
    command += ["--driver-java-options", f"{QUICK} -Djava.io.tmpdir={scratch}"]  # nobody would remove it from the system's
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONNECT_MODE": "0",
    }
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "spark-internal"], stdout=log, stderr=log, env=environment, cwd=folder, start_new_session=True
        )
    try:
        wait_for(port, process)
        yield f"sc://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, 9)  # its farewell takes seconds, and it holds nothing
        process.wait()


@retry(stop=stop_after_delay(300), wait=wait_fixed(0.2), retry=retry_if_exception_type(OSError), reraise=True)
def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until it listens, or has ended."""
    if process.poll() is not None:
        raise RuntimeError(f"Spark ended with {process.returncode} before it listened: see the file log in the test's folder.")
    socket.create_connection(("127.0.0.1", port), 5).close()
