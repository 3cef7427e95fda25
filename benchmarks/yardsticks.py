"""The rulers: programs that were written once, outside this repository, for every comparison, and the environments they run in.

The folder is `$HOLDALL_YARDSTICKS`, else `../shared/yardsticks` beside the checkout. A benchmark that needs it says so and
is left out where it is not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from benchmarks.setting import ROOT, WORK

ENVIRONMENTS = {
    "hand": "scikit-learn pandas joblib skl2onnx onnx onnxruntime fastapi uvicorn granian msgspec uvloop httptools pyarrow",
    "mlflow": "mlflow==3.17.2 scikit-learn pandas",
    "bentoml": "bentoml==1.4.40 scikit-learn pandas",
    # With a newer uvloop MLServer 1.7.1 loads no model ("no current event loop").
    "mlserver": "mlserver==1.7.1 mlserver-sklearn==1.7.1 scikit-learn pandas uvloop<0.22",
}


class Absent(Exception):
    """The benchmark cannot be run here; the text says what it needs."""


@cache
def python(name: str) -> Path:
    """The interpreter of a peer's own environment, made on the spot; its scikit-learn is the one that fitted the model."""
    import sklearn

    folder = WORK / "environments" / name
    if not (folder / "complete").exists():
        print(f"making the environment of {name} …", file=sys.stderr)
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        wanted = [
            f"scikit-learn=={sklearn.__version__}" if w == "scikit-learn" else w for w in ENVIRONMENTS[name].split()
        ]
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *wanted], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


@cache
def yardsticks() -> Path:
    """A copy of the rulers with their model made and converted (`data/skl-VERSION`). Raises Absent."""
    source = Path(os.environ.get("HOLDALL_YARDSTICKS", ROOT.parent / "shared" / "yardsticks"))
    if not (source / "common.py").exists():
        raise Absent(f"no yardsticks at {source}: set HOLDALL_YARDSTICKS to their folder")
    copy = WORK / "yardsticks"
    shutil.copytree(source, copy, dirs_exist_ok=True)
    (copy / "data").mkdir(exist_ok=True)
    if not (models() / "pipe_grouped.onnx").exists():
        for program in ("make_model.py", "convert_float32.py"):
            subprocess.run([python("hand"), program], cwd=copy, check=True, stdout=subprocess.DEVNULL)
    return copy


def models() -> Path:
    """The folder of the rulers' fitted models: `pipe.joblib`, `pipe_grouped.onnx`, `lr.joblib`, `lr.onnx`."""
    import sklearn

    return WORK / "yardsticks" / "data" / f"skl-{sklearn.__version__}"
