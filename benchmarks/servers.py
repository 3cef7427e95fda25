"""Every server that answers the workload: ours, the constants that nobody can beat, what a careful user writes, the peers.

A server runs on core 0 and whoever asks it on core 1. All the processes that it starts count.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from benchmarks.setting import ROOT, WORK
from benchmarks.yardsticks import Absent, models, python, yardsticks

SERVER_CORE, CLIENT_CORE = "0", "1"


@dataclass
class Server:
    """One server. dialect: how it wants its rows, see `bodies`."""

    name: str
    command: Sequence[str | Path]
    path: str = "/predict"
    dialect: str = "records"
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def start(self, body: bytes) -> float:
        """Start it and wait for its first answer to `body`. The seconds that took."""
        self.port = _free_port()
        command = [str(part).replace("PORT", str(self.port)) for part in self.command]
        settings = {key: value.replace("PORT", str(self.port)) for key, value in self.settings.items()}
        log = (WORK / f"{self.name.replace(' ', '-')}.log").open("wb")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *command],
            cwd=self.folder,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
        while time.perf_counter() - began < 90:
            if self.ask(body) is not None:
                return time.perf_counter() - began
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        self.stop()
        raise Absent(f"{self.name} did not answer; its log is {log.name}")

    def ask(self, body: bytes) -> bytes | None:
        request = Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return bytes(answer.read())
        except (URLError, OSError):
            return None

    def stop(self) -> None:
        if self.process is None:
            return
        started = self._processes()
        os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for process in started:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process = None

    def _processes(self) -> list[int]:
        """It and all that it started, by parents."""
        assert self.process is not None
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    # The fields after the name, which may hold blanks and brackets: state, parent, …
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    children.setdefault(parent, []).append(int(entry.name))
        found = [self.process.pid]
        for process in found:
            found += children.get(process, [])
        return found

    def memory(self) -> int:
        """PSS of all its processes, in bytes: what is shared counts once."""
        total = 0
        for process in self._processes():
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        return total

    def settle(self, longest: float = 20) -> None:
        """Wait until it no longer works on what nobody waits for any more."""
        began = time.perf_counter()
        while time.perf_counter() - began < longest:
            before = self._ticks()
            time.sleep(0.2)
            if self._ticks() - before <= 1:
                return

    def _ticks(self) -> int:
        total = 0
        for process in self._processes():
            try:
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ours(reference: str, name: str = "holdall serve") -> Server:
    program = Path(sys.executable).parent / "holdall"
    return Server(name, [program, "serve", reference, "--port", "PORT"], settings={"HOLDALL_HOME": str(WORK / "store")})


def constants() -> list[Server]:
    """The same constant answer from a bare granian and a bare uvicorn, which read the body and look at nothing."""
    return [_prototype("granian constant", "rsgi", "hello"), _prototype("uvicorn constant", "asgi", "hello")]


def prototypes() -> list[Server]:
    """onnxruntime behind msgspec without validation, errors, metrics: what speed is left when all else is left out."""
    return [_prototype("granian prototype", "rsgi", "batch"), _prototype("uvicorn prototype", "asgi", "batch")]


def _prototype(name: str, interface: str, mode: str) -> Server:
    if interface == "rsgi":
        command = ["-m", "granian", "--interface", "rsgi", "--port", "PORT", "--no-access-log", "serve_prototype:app"]
    else:
        command = ["-m", "uvicorn", "serve_prototype:asgi", "--port", "PORT", "--no-access-log", "--log-level", "error"]
    return Server(name, [python("hand"), *command], settings={"MODE": mode, **_models()}, folder=yardsticks())


def by_hand() -> list[Server]:
    """FastAPI as a careful user writes it."""
    return [
        Server(
            name,
            [
                python("hand"),
                "-m",
                "uvicorn",
                f"{module}:app",
                "--port",
                "PORT",
                "--no-access-log",
                "--log-level",
                "error",
            ],
            settings=_models(),
            folder=yardsticks(),
        )
        for name, module in (
            ("FastAPI + onnxruntime", "serve_fastapi_onnx"),
            ("FastAPI + joblib", "serve_fastapi_joblib"),
        )
    ]


def by_hand_with_function() -> Server:
    """FastAPI with a preprocessing function before the pipeline."""
    command = ["-m", "uvicorn", "fastapi_features:app", "--port", "PORT", "--no-access-log", "--log-level", "error"]
    folder = ROOT / "benchmarks" / "peers"
    return Server("FastAPI + function", [python("hand"), *command], settings=_models(), folder=folder)


def peers() -> list[Server]:
    """The peers, batching where they can."""
    return [_mlflow(), _bentoml(), _mlserver()]


def _mlflow() -> Server:
    folder = WORK / "mlflow"
    interpreter = python("mlflow")
    if not folder.exists():
        save = ROOT / "benchmarks" / "peers" / "mlflow_save.py"
        subprocess.run([interpreter, save, _models()["PIPE"], folder], check=True, capture_output=True)
    command = [interpreter, "-m", "mlflow", "models", "serve", "-m", folder, "--port", "PORT", "--env-manager", "local"]
    path = f"{interpreter.parent}:{os.environ['PATH']}"
    return Server("MLflow", command, path="/invocations", dialect="split", settings={"PATH": path})


def _bentoml() -> Server:
    command = [python("bentoml"), "-m", "bentoml", "serve", "bentoml_service:Workload", "--port", "PORT"]
    settings = {**_models(), "BENTOML_HOME": str(WORK / "bentoml"), "BENTOML_DO_NOT_TRACK": "1"}
    return Server("BentoML, batching", command, settings=settings, folder=ROOT / "benchmarks" / "peers")


def _mlserver() -> Server:
    folder = WORK / "mlserver"
    folder.mkdir(exist_ok=True)
    shutil.copy(_models()["PIPE"], folder / "pipe.joblib")
    (folder / "model-settings.json").write_text(
        json.dumps(
            {
                "name": "workload",
                "implementation": "mlserver_sklearn.SKLearnModel",
                "parameters": {"uri": "./pipe.joblib"},
                "max_batch_size": 64,
                "max_batch_time": 0.005,
            }
        )
    )
    settings = {
        "MLSERVER_HTTP_PORT": "PORT",
        "MLSERVER_GRPC_PORT": str(_free_port()),
        "MLSERVER_METRICS_PORT": str(_free_port()),
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",
    }
    program = python("mlserver").parent / "mlserver"
    return Server("MLServer, batching", [program, "start", folder], "/v2/models/workload/infer", "v2", settings, folder)


def _models() -> dict[str, str]:
    yardsticks()
    folder = models()
    named = {"ONNX": "pipe_grouped.onnx", "LRONNX": "lr.onnx", "PIPE": "pipe.joblib", "LR": "lr.joblib"}
    return {key: str(folder / file) for key, file in named.items()}
