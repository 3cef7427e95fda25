"""What a package needs is read from what was sealed."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from importlib.metadata import version

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from holdall.frameworks.framework import Artefact
from holdall.packing import requiring


def test_a_graph_needs_the_engine_by_range_wherever_it_is_packed() -> None:
    found = requiring.environment()
    assert (found.python, found.requires, found.locked) == (">=3.11", ("numpy>=2.0", "onnxruntime>=1.24"), False)
    assert requiring.needs_of(Artefact("onnx", {"model/model.onnx": b""}, (), ())) == ()


def test_a_pin_takes_the_place_of_the_range_and_holds_from_this_python_on() -> None:
    found = requiring.environment(["numpy==2.4.6"], ["polars>=1.30"])
    assert found.requires == ("numpy==2.4.6", "onnxruntime>=1.24", "polars>=1.30")
    assert found.python == f">={sys.version_info[0]}.{sys.version_info[1]}"


def test_a_skops_file_needs_skops_and_the_distributions_of_its_types() -> None:
    artefact = Artefact("skops", {}, (), (), types=("builtins.dict", "numpy.ndarray", "scipy.sparse._csr.csr_matrix"))
    needed = requiring.needs_of(artefact)
    names = ("numpy", "scikit-learn", "scipy", "skops")
    assert needed == tuple(f"{name}=={version(name)}" for name in names)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickles_modules_are_read_without_running_it(protocol: int) -> None:
    value = [
        LinearRegression().fit([[0.0], [1.0]], [0, 1]),
        OrderedDict(a=np.float64(1)),
        "pandas.core",
        LinearRegression(),
    ]
    found = requiring.pickled_modules(pickle.dumps(value, protocol))
    expected = {"sklearn.linear_model._base", "collections"}
    assert expected <= set(found)
    assert "pandas.core" not in found
    assert any(module.startswith("numpy") for module in found)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("it ran",)


def test_reading_a_pickles_modules_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    data = pickle.dumps(Bomb())
    assert requiring.pickled_modules(data) == ("builtins",)
    assert capsys.readouterr().out == ""
    pickle.loads(data)
    assert capsys.readouterr().out == "it ran\n"
