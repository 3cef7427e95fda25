"""PyTorch through every door: modules of every kind, what they refuse, what cannot be a graph, and their files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import holdall
from holdall.errors import NotPortable, RowsRefused, TrustRequired, UnsupportedModel, UsageError
from tests.frameworks.torch.modules import EXAMPLES, Example, branching, mlp, several, tokens

pytestmark = [
    pytest.mark.networks,
    # Of torch itself, while it is imported and traced: nothing that a user could change.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("HOLDALL_HOME", str(tmp_path / "home"))
    torch.manual_seed(0)


def itself(example: Example) -> dict[str, Any]:
    """What the module answers by itself, in evaluation mode: name → array."""
    import torch

    from holdall.frameworks.torch.programs import named

    module, sample = example.module, example.sample
    was = module.training
    module.eval()
    with torch.no_grad():
        if isinstance(sample, dict):
            answer = module(**{name: torch.from_numpy(values) for name, values in sample.items()})
        elif isinstance(sample, torch.Tensor):
            answer = module(sample)
        elif hasattr(sample, "columns") and set(example.inputs) == {"price", "count", "gift"}:
            answer = module(**{name: torch.from_numpy(sample[name].to_numpy().copy()) for name in sample})
        else:
            values = torch.from_numpy(np.array(sample))
            own = next(iter(module.parameters())).dtype
            answer = module(values.to(own) if values.is_floating_point() else values)
    module.train(was)
    return {name: value.numpy() for name, value in named(answer)}


@pytest.mark.parametrize("what", EXAMPLES)
def test_a_module_is_sealed_as_a_graph_that_answers_as_it_does(what: str) -> None:
    example = EXAMPLES[what]()
    package = holdall.pack(example.module, name="net", sample=example.sample)
    manifest = package.manifest
    assert manifest.portable
    assert package.parity().passed
    assert manifest.row_wise
    assert manifest.examples is not None
    assert tuple(field.name for field in manifest.schema.inputs) == example.inputs
    assert {*example.outputs} <= {field.name for field in manifest.schema.outputs}
    model = holdall.load("net")
    answers = model.predict(example.sample)
    for name, expected in itself(example).items():
        given = [field.name for field in manifest.schema.outputs if field.name.rstrip("0123456789").rstrip("_") == name]
        column = "prediction" if not given and name == "output" else name
        if column in {field.name for field in manifest.schema.outputs}:
            actual = np.asarray(answers[column])
        else:
            actual = np.column_stack([np.asarray(answers[each]) for each in given])
        rows = next(axis for axis, size in enumerate(expected.shape) if size == len(actual))
        first = np.moveaxis(expected, rows, 0).reshape(actual.shape)
        assert np.allclose(actual, first, rtol=1e-4, atol=1e-6), name
    assert holdall.verify("net").passed


def test_one_row_as_a_record_is_answered_as_among_many() -> None:
    example = tokens()
    holdall.pack(example.module, name="net", sample=example.sample)
    model = holdall.load("net")
    together = model.predict(example.sample)
    alone = model.predict([{"ids": example.sample[0].tolist()}])[0]
    assert alone["prediction"] == together["prediction"][0]
    assert np.isclose(alone["probability_1"], together["probability_1"][0])


def test_a_number_that_an_embedding_does_not_know_is_refused_by_name() -> None:
    import torch

    example = tokens()
    package = holdall.pack(example.module, name="net", sample=torch.from_numpy(example.sample))
    assert [guard.reason for guard in package.manifest.model.guards] == ["a whole number from 0 to 29 is expected"]
    model = holdall.load("net")
    for wrong in (-1, 30, 2.5):
        with pytest.raises(RowsRefused, match=r"rows\[1\].ids"):
            model.predict([{"ids": [1] * 7}, {"ids": [1, 2, 3, 4, 5, 6, wrong]}])


def test_each_place_of_an_array_has_its_own_range() -> None:
    example = several()
    holdall.pack(example.module, name="net", sample=example.sample)
    model = holdall.load("net")
    assert model.predict([{"numbers": [0, 0, 0], "codes": [3, 8]}])
    for wrong in ([4, 0], [0, 9], [-1, 0]):
        with pytest.raises(RowsRefused, match="its own place"):
            model.predict([{"numbers": [0, 0, 0], "codes": wrong}])


def test_a_column_that_becomes_an_index_inside_keeps_its_range() -> None:
    import pandas as pd
    import torch
    from torch import nn

    class Matrix(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 2)
            self.head = nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.head(torch.cat([x[:, :1], self.embed(x[:, 1].long())], 1))

    random = np.random.default_rng(0)
    table = pd.DataFrame({"amount": random.normal(size=40), "kind": random.integers(0, 5, 40)})
    package = holdall.pack(Matrix(), name="net", sample=table)
    assert package.parity().passed
    for wrong in (-1, 5):
        with pytest.raises(RowsRefused, match="kind: a whole number from 0 to 4"):
            holdall.load("net").predict([{"amount": 1.0, "kind": wrong}])


def test_the_modes_of_the_module_and_the_random_generator_are_given_back() -> None:
    import torch

    example = mlp()
    example.module[1].eval()
    before, state = [part.training for part in example.module.modules()], torch.random.get_rng_state()
    package = holdall.pack(example.module, name="net", sample=example.sample)
    assert [part.training for part in example.module.modules()] == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert any("evaluation mode" in note for note in package.notes)


def test_the_same_module_gives_the_same_bytes_and_no_path_of_this_machine() -> None:
    example = tokens()
    first = holdall.pack(example.module, name="net", sample=example.sample)
    again = holdall.pack(example.module, name="net", sample=example.sample)
    assert again.reused
    graph = first.content.read("model/model.onnx")
    assert b"stack_trace" not in graph
    assert str(Path(__file__).parent).encode() not in graph
    onnx.checker.check_model(onnx.load_model_from_string(graph))


def test_wrappers_are_taken_off_and_the_weights_are_kept_where_asked() -> None:
    import torch
    from safetensors.numpy import load

    example = mlp()
    wrapped = torch.nn.DataParallel(example.module)
    package = holdall.pack(wrapped, name="net", sample=example.sample, keep_native=True)
    assert any("DataParallel" in note for note in package.notes)
    kept = load(package.content.read("model/model.safetensors"))
    assert np.array_equal(kept["0.weight"], example.module[0].weight.detach().numpy())


def test_a_module_that_branches_on_its_numbers_goes_through_torchscript() -> None:
    example = branching()
    package = holdall.pack(example.module, name="net", sample=example.sample)
    assert package.manifest.portable
    assert not package.manifest.row_wise
    model = holdall.load("net")
    for sign in (1, -1):
        row = sign * np.ones((1, 3))
        expected = itself(Example(example.module, row, (), ()))["output"][0]
        assert np.isclose(model.predict(row)["output_0"][0], expected[0], rtol=1e-4)


def test_a_postprocessing_function_gives_labels() -> None:
    example = tokens()

    def named(table: Any) -> Any:
        return table.assign(label=table["prediction"].map({0: "no", 1: "may", 2: "yes"}))[["label"]]

    holdall.pack(example.module, name="net", sample=example.sample, postprocess=named)
    answer = holdall.load("net").predict([{"ids": [1] * 7}])
    assert answer[0]["label"] in ("no", "may", "yes")


def test_what_cannot_be_a_graph_is_refused_with_the_line_that_stands_against_it() -> None:
    import torch
    from torch import nn

    class Sorted(nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.from_numpy(np.sort(x.numpy(), axis=1))

    class Chance(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + torch.rand_like(x)

    sample = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(NotPortable, match=r"test_torch.py:\d+: return torch.from_numpy\(np.sort") as caught:
        holdall.pack(Sorted(), name="net", sample=sample)
    assert "travels as source" in str(caught.value.hint)
    with pytest.raises(NotPortable, match="parity failed"):
        holdall.pack(Chance(), name="net", sample=sample)


def test_samples_and_models_that_do_not_fit_say_what_to_give() -> None:
    import pandas as pd
    import torch
    from torch import nn

    class Mean(nn.Module):
        def forward(self, x: Any) -> Any:
            return x, x.mean()

    sample = np.zeros((6, 3))
    with pytest.raises(UnsupportedModel, match="'output_1' does not hold one value"):
        holdall.pack(Mean(), name="net", sample=sample)
    with pytest.raises(UnsupportedModel, match="weights without the program"):
        holdall.pack(nn.Linear(3, 1).state_dict(), name="net", sample=sample)
    with pytest.raises(UnsupportedModel, match="its own size"):
        holdall.pack(nn.LazyLinear(3), name="net", sample=sample)
    with pytest.raises(UnsupportedModel, match="float16"):
        holdall.pack(nn.Linear(3, 1).half(), name="net", sample=sample)
    with torch.device("meta"):
        nowhere = nn.Linear(3, 1)
    with pytest.raises(UnsupportedModel, match="no numbers"):
        holdall.pack(nowhere, name="net", sample=sample)
    with pytest.raises(UsageError, match="differ in length"):
        holdall.pack(nn.Linear(3, 1), name="net", sample={"input": [[1, 2], [3]] * 3})
    with pytest.raises(UsageError, match="'t' is string"):
        holdall.pack(nn.Linear(1, 1), name="net", sample=pd.DataFrame({"t": ["a", "b"] * 4}))
    with pytest.raises(UsageError, match="forward takes codes, numbers, weight"):
        holdall.pack(several().module, name="net", sample=pd.DataFrame(sample, columns=list("abc")))
    exported = torch.export.export(nn.Linear(3, 1), (torch.zeros(5, 3),))
    with pytest.raises(UnsupportedModel, match="exactly 5 rows"):
        holdall.pack(exported, name="net", sample=sample)


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
def test_a_quantised_module_is_refused_by_name() -> None:
    import torch
    from torch import nn

    quantised = nn.Sequential(torch.ao.nn.quantized.dynamic.Linear(3, 1))
    with pytest.raises(UnsupportedModel, match=r"is quantised.*Linear") as raised:
        holdall.pack(quantised, name="net", sample=np.zeros((6, 3)))
    assert "before it was quantised" in (raised.value.hint or "")


@pytest.mark.parametrize("kind", ["script", "traced", "exported", "exported for one row"])
def test_scripts_and_exported_programs_are_packed_live_and_as_files(kind: str, tmp_path: Path) -> None:
    import torch

    example = mlp()
    module = example.module.eval()
    values = torch.tensor(example.sample.to_numpy(), dtype=torch.float32)
    path = tmp_path / "model.bin"
    live: Any
    if kind.startswith("exported"):
        rows = values[:1] if "one row" in kind else values
        dynamic = None if "one row" in kind else ({0: torch.export.Dim.DYNAMIC},)
        live = torch.export.export(module, (rows,), dynamic_shapes=dynamic)
        torch.export.save(live, path.with_suffix(".pt2"))
        path = path.with_suffix(".pt2")
    else:
        live = torch.jit.script(module) if kind == "script" else torch.jit.trace(module, values)
        torch.jit.save(live, path)
    with torch.no_grad():
        expected = module(values).numpy()[:, 0]
    for model in (live, str(path)):
        package = holdall.pack(model, name="net", sample=example.sample)
        assert package.manifest.portable
        answers = holdall.load("net").predict(example.sample)
        assert np.allclose(np.asarray(answers["prediction"]), expected, rtol=1e-4, atol=1e-6)


def test_a_pickled_module_names_what_is_at_stake_and_weights_alone_say_what_is_lacking(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    example = mlp()
    for legacy in (False, True):
        path = tmp_path / f"model{legacy}.pt"
        torch.save(example.module, path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(TrustRequired, match=r"torch.nn.modules.container.Sequential, .*Linear"):
            holdall.pack(str(path), name="net", sample=example.sample)
        torch.save(example.module.state_dict(), path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(UnsupportedModel, match="weights without the program"):
            holdall.pack(str(path), name="net", sample=example.sample)
    torch.save(example.module, path)
    assert holdall.pack(str(path), name="net", sample=example.sample, allow_pickle=True).manifest.portable
    save_file(example.module.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(UnsupportedModel, match="weights without the program") as caught:
        holdall.pack(str(tmp_path / "model.safetensors"), name="net", sample=example.sample)
    assert "load_state_dict" in str(caught.value.hint)


def test_whoever_runs_the_package_needs_no_torch(tmp_path: Path) -> None:
    example = tokens()
    package = holdall.pack(example.module, name="net", sample=example.sample, output=tmp_path / "net.holdall")
    assert not [line for line in package.manifest.environment.requires if "torch" in line]
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = None\n"
        "import holdall\n"
        f"model = holdall.load({str(tmp_path / 'net.holdall')!r})\n"
        "print(model.predict([{'ids': [1, 2, 3, 4, 5, 6, 7]}])[0]['prediction'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(holdall.load("net").predict([{"ids": [1, 2, 3, 4, 5, 6, 7]}])[0]["prediction"])


def test_a_wide_layer_is_sealed_though_its_sums_run_over_at_the_end_of_float32() -> None:
    from torch import nn

    sample = np.random.default_rng(0).random((40, 784)).astype(np.float32)
    assert holdall.pack(nn.Linear(784, 10), name="net", sample=sample).manifest.portable


def test_arrays_one_after_the_other_are_the_arguments_in_order() -> None:
    import torch
    from torch import nn

    class Ratings(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = nn.Embedding(20, 4), nn.Embedding(9, 4)

        def forward(self, user: Any, item: Any) -> Any:
            return (self.users(user) * self.items(item)).sum(-1)

    sample = (torch.randint(0, 20, (40,)), torch.randint(0, 9, (40,)))
    package = holdall.pack(Ratings(), name="net", sample=sample)
    assert [field.name for field in package.manifest.schema.inputs] == ["user", "item"]
    assert package.manifest.task == "regression"
    with pytest.raises(RowsRefused, match="item: a whole number from 0 to 8"):
        holdall.load("net").predict([{"user": 1, "item": 9}])


def test_a_number_beyond_the_whole_numbers_of_an_exported_program_is_refused() -> None:
    import torch
    from torch import nn

    tokens = np.random.default_rng(0).integers(0, 9, (40, 3)).astype(np.int32)
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    exported = torch.export.export(nn.Embedding(9, 2).eval(), (torch.from_numpy(tokens),), dynamic_shapes=dynamic)
    sample = {name: tokens[:, place] for place, name in enumerate("abc")}
    holdall.pack(exported, name="net", sample=sample)
    for stranger in (-1, 9, 2**32 + 1):
        with pytest.raises(RowsRefused, match="a: a whole number from 0 to 8"):
            holdall.load("net").predict([{"a": stranger, "b": 1, "c": 2}])
