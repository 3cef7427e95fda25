"""What a file of unknown making can do while it is packed: nothing; and what comes back of it: data."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.decomposition import NMF
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from holdall.columns.tables import from_table
from holdall.engines import source
from holdall.engines.worker import pipe
from holdall.engines.worker.state import NAMES
from holdall.errors import CheckFailed, SampleRequired, TrustRequired, UnreadableFile, UnsupportedModel, UsageError
from holdall.packing import enclosing, returned, sandbox, sealing
from holdall.packing.capturing import capture
from holdall.packing.restricted import Restricted
from holdall.spec import digest as digests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
Y = np.arange(60) % 2
SAMPLE = from_table(TABLE)[0]


def drafted(path: Path, *, sample: Any = SAMPLE, **asked: Any) -> sealing.Drafted:
    return enclosing.drafted(path, sample, None, sealing.Request(name="x", **asked), lambda _: None)


def test_what_was_packed_in_there_is_what_would_have_been_packed_here(tmp_path: Path) -> None:
    model = RandomForestClassifier(3, random_state=0).fit(TABLE, Y)
    path = tmp_path / "model.onnx"  # the bytes decide, not this
    joblib.dump(model, path, compress=("zlib", 3))
    assert enclosing.is_code(path)
    told: list[str] = []
    request = sealing.Request(name="x")
    there = enclosing.drafted(path, SAMPLE, None, request, told.append)
    here = sealing.drafted(model, SAMPLE, None, request, lambda _: None)
    assert there.fingerprint == here.fingerprint
    assert there.draft.files == here.draft.files
    assert there.draft.examples == here.draft.examples
    assert there.draft.parity.passed
    assert told
    assert not any("without" in note for note in there.notes), "this kernel allows a whole sandbox"


def test_errors_come_back_as_they_were_raised(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(skops.io.dumps(RandomForestClassifier(2).fit(TABLE, Y)))
    with pytest.raises(SampleRequired):
        drafted(path, sample=None)
    joblib.dump({"not": "a model"}, path)
    with pytest.raises(UnsupportedModel) as caught:
        drafted(path)
    assert caught.value.hint
    path.write_bytes(b"\x80\x04]")
    with pytest.raises(UnreadableFile):
        drafted(path)


HOSTILE = """
    import os, socket, subprocess
    from sklearn.base import BaseEstimator, RegressorMixin


    def tried(what):
        try:
            return str(what())
        except Exception as error:
            return type(error).__name__


    class Mine(RegressorMixin, BaseEstimator):
        def __setstate__(self, state):
            self.__dict__.update(state)
            told = {
                "socket": tried(lambda: socket.socket()),
                "file": tried(lambda: open(self.canary).read()),
                "write": tried(lambda: open(self.canary + "2", "w")),
                "command": tried(lambda: subprocess.run(["cat", self.canary], capture_output=True).stdout.decode()),
                "environment": str("HOLDALL_CANARY" in os.environ),
                "parent": tried(lambda: open(f"/proc/{os.getppid()}/environ", "rb").read()),
                "kill": tried(lambda: os.kill(os.getppid(), 0)),
            }
            print(told)
            self.told = told

        def fit(self, X, y):
            self.n_features_in_ = X.shape[1]
            self.feature_names_in_ = X.columns.to_numpy()
            return self

        def predict(self, X):
            if hasattr(self, "told"):
                raise ValueError("told: " + repr(self.told))
            return X.iloc[:, 0].to_numpy()
"""


def test_a_pickle_that_is_allowed_still_reaches_nothing_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, secret = tmp_path / "work", tmp_path / "secret"
    work.mkdir()
    secret.mkdir()
    (secret / "canary").write_text("the secret")
    (work / "mine_of_the_test.py").write_text(textwrap.dedent(HOSTILE))
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(work))
    monkeypatch.setenv("HOLDALL_CANARY", "the secret")
    import mine_of_the_test  # type: ignore[import-not-found]

    model = mine_of_the_test.Mine().fit(TABLE, Y)
    model.canary = str(secret / "canary")
    joblib.dump(model, work / "model.joblib")
    with pytest.raises(TrustRequired, match=r"mine_of_the_test\.Mine"):
        drafted(work / "model.joblib")
    with pytest.raises(Exception, match="told: ") as caught:
        drafted(work / "model.joblib", allow_pickle=True)
    told = str(caught.value)
    for what in ("socket", "file", "write", "parent", "kill"):
        assert f"'{what}': 'PermissionError'" in told, told
    assert "'environment': 'False'" in told
    assert "the secret" not in told
    assert sorted(path.name for path in secret.iterdir()) == ["canary"]


@pytest.mark.parametrize(
    "stream",
    [b"cos\n_exit\n(I3\ntR.", b"cos\nabort\n(tR.", b"csys\nexit\n(I0\ntR.", b"cos\nwrite\n(I1\nVnonsense\ntR."],
)
def test_a_file_that_ends_its_process_ends_no_other(stream: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(stream)
    with pytest.raises(TrustRequired):
        drafted(path)
    with pytest.raises((UnreadableFile, UnsupportedModel)):
        drafted(path, allow_pickle=True)


def _answered(tmp_path: Path, change: Any) -> None:
    """What the parent does with an answer of the enclosed process that was changed on its way."""
    made = sealing.drafted(
        RandomForestClassifier(2).fit(TABLE, Y), SAMPLE, None, sealing.Request(name="x"), lambda _: None
    )
    sent = tmp_path / "sent"
    with sent.open("wb") as stream:
        enclosing.answer(stream, made, [])
    with sent.open("rb") as stream:
        message = pipe.receive(stream)
    change(message)
    returned.received(message, "model.pkl", sealing.Request(name="x"), frozenset)


def test_an_answer_is_believed_only_where_it_is_sound(tmp_path: Path) -> None:
    _answered(tmp_path, lambda _: None)

    def other_bytes(message: Any) -> None:
        place = message.header["files"]["model/model.onnx"]["buffer"]
        message._buffers[place] = b"x" + message._buffers[place][1:]

    def a_pickle(message: Any) -> None:
        message.header["files"]["model/evil.pkl"] = message.header["files"]["model/model.onnx"]

    changes = (
        other_bytes,
        a_pickle,
        lambda message: message.header.pop("parity"),
        lambda message: message.header.update(manifest=message.header["files"]["model/model.onnx"]),
        lambda message: message.header.update(files=[]),
        lambda message: message.header.update(examples=None),
    )
    for change in changes:
        with pytest.raises(UnreadableFile):
            _answered(tmp_path, change)


OWN = """
    from sklearn.base import BaseEstimator, TransformerMixin

    class Shouting(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.n_features_in_ = X.shape[1]
            return self

        def transform(self, X):
            return [[float(str(value)) for value in row] for row in X.to_numpy()]

    def doubled(table):
        return table.assign(a=[float(str(value)) * 2 for value in table["a"]])

    def worded(table):
        return table.assign(prediction=[repr(value) for value in table["prediction"].tolist()])
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A joblib file that names a class of the user's own, beside its module."""
    (tmp_path / "own_of_the_test.py").write_text(textwrap.dedent(OWN))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_of_the_test  # type: ignore[import-not-found]

    joblib.dump(make_pipeline(own_of_the_test.Shouting(), LogisticRegression()).fit(TABLE, Y), "own.joblib")
    yield tmp_path / "own.joblib"
    sys.modules.pop("own_of_the_test", None)


def test_a_class_of_the_user_s_own_travels_as_the_source_that_lies_here(own: Path) -> None:
    with pytest.raises(TrustRequired, match=r"own_of_the_test\.Shouting"):
        drafted(own)
    made = drafted(own, allow_pickle=True).draft
    assert made.parity.passed
    code = source.unpack(made.files[source.PATH])
    assert code["own_of_the_test.py"] == own.with_name("own_of_the_test.py").read_bytes()


def test_functions_around_a_file_are_run_from_their_source_in_there(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joblib.dump(LogisticRegression().fit(TABLE, Y), "plain.joblib")
    monkeypatch.setattr(Restricted, "load", lambda _: pytest.fail("the file was opened in this process"))
    functions = capture("own_of_the_test:doubled", "own_of_the_test:worded", ())
    made = drafted(own.with_name("plain.joblib"), functions=functions).draft
    assert made.parity.passed
    assert [step.functions for step in made.manifest.steps if step.functions] == [
        ("own_of_the_test:doubled",),
        ("own_of_the_test:worded",),
    ]


def test_functions_that_answer_otherwise_by_their_source_are_told(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import own_of_the_test

    functions = capture("own_of_the_test:doubled", (), ())
    changed = replace(functions, preprocess=(lambda table: own_of_the_test.doubled(table) + 1,))
    with pytest.raises(CheckFailed, match="by itself"):
        drafted(own, functions=changed, allow_pickle=True)


def test_code_that_a_file_brings_is_not_sealed(own: Path) -> None:
    request = sealing.Request(name="x", allow_pickle=True)
    made = drafted(own, allow_pickle=True)
    names = enclosing.named(own.read_bytes(), str(own))
    files = made.draft.files
    code = source.unpack(files[source.PATH])
    listed = code[f"{NAMES}.py"].decode()

    def answered(code: dict[str, bytes], told: frozenset[str] = names, **changed: Any) -> None:
        packed = source.pack(code)
        manifest = msgspec.structs.replace(
            made.draft.manifest,
            files=tuple(
                msgspec.structs.replace(file, digest=digests.of(packed), size=len(packed))
                if file.path == source.PATH
                else file
                for file in made.draft.manifest.files
            ),
            **changed,
        )
        draft = replace(made.draft, files={**files, source.PATH: packed}, manifest=manifest)
        buffer = io.BytesIO()
        enclosing.answer(buffer, sealing.Drafted(draft, {}), [])
        buffer.seek(0)
        returned.received(pipe.receive(buffer), "own.joblib", request, lambda: told)

    answered(code)
    acting = listed.replace("NAMES = {", "import os as _os\n\nNAMES = {\n    'os:system': _os.system,")
    hidden = listed.replace("NAMES = {", "NAMES = {\n    'own_of_the_test:Other': _own_of_the_test.worded,")
    for wrong in (
        {**code, "own_of_the_test.py": code["own_of_the_test.py"] + b"\nimport os\n"},
        {**code, "more.py": b"import os"},
        {**code, f"{NAMES}.py": acting.encode()},
        {**code, f"{NAMES}.py": hidden.encode()},
        {**code, f"{NAMES}.py": f"{listed}\nprint()\n".encode()},
        {**code, f"{NAMES}.py": listed.replace("import own_of_the_test as", "import sys as").encode()},
    ):
        with pytest.raises((UnreadableFile, UsageError)):
            answered(wrong)
    with pytest.raises(UsageError, match=r"own_of_the_test\.Shouting"):
        answered(code, told=frozenset())
    step = made.draft.manifest.steps[0]
    first = msgspec.structs.replace(step, role="preprocess", functions=("os:system",))
    requires = (*made.draft.manifest.environment.requires, "evil-of-the-test==1.0")
    environment = msgspec.structs.replace(made.draft.manifest.environment, requires=requires)
    for changed in ({"steps": (first, step)}, {"environment": environment}):
        with pytest.raises(UnreadableFile):
            answered(code, **changed)


def test_types_that_a_file_does_not_name_are_not_sealed() -> None:
    """Whoever seals a package may load it, so a file must not bring in what acts when it is built."""
    made = sealing.drafted(NMF(2).fit(TABLE.abs()), SAMPLE, None, sealing.Request(name="x"), lambda _: None).draft
    assert made.manifest.model.engine == "skops"
    acting = skops.io.dumps(FunctionTransformer(os.getcwd))
    path = made.manifest.model.files[0]
    files = tuple(
        msgspec.structs.replace(file, digest=digests.of(acting), size=len(acting)) if file.path == path else file
        for file in made.manifest.files
    )
    changed = replace(
        made, files={**made.files, path: acting}, manifest=msgspec.structs.replace(made.manifest, files=files)
    )
    functions = capture(len, (), ())
    for allow_pickle, named in ((True, frozenset()), (True, frozenset({"posix.getcwd"})), (False, frozenset())):
        buffer = io.BytesIO()
        enclosing.answer(buffer, sealing.Drafted(changed, {}), [])
        buffer.seek(0)
        request = sealing.Request(name="x", allow_pickle=allow_pickle, functions=functions)
        with pytest.raises(UsageError, match=r"posix\.getcwd"):
            returned.received(pipe.receive(buffer), "model.pkl", request, lambda named=named: named)


def test_a_file_of_another_scikit_learn_is_packed_with_a_note(tmp_path: Path) -> None:
    import sklearn

    data = pickle.dumps(RandomForestClassifier(2).fit(TABLE, Y), protocol=2)
    other = "9.9.9".ljust(len(sklearn.__version__), "9")
    (tmp_path / "model.pkl").write_bytes(data.replace(sklearn.__version__.encode(), other.encode()))
    (note,) = [note for note in drafted(tmp_path / "model.pkl").draft.notes if "scikit-learn" in note]
    assert other in note
    assert sklearn.__version__ in note


def test_the_sandbox_says_what_it_could_not_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "plan9")
    assert sandbox.enter([], "/nowhere")


BEYOND = """
import ctypes, json, os, sys
sys.path[:] = json.loads(sys.argv[1])
from holdall.packing.sandbox import enter
missing = enter([sys.prefix, sys.base_prefix, *sys.path], sys.argv[2])
library = ctypes.CDLL(None, use_errno=True)
parent, limits = os.getppid(), (ctypes.c_uint64 * 2)()


def tried(what):
    try:
        return str(what())
    except OSError as error:
        return type(error).__name__


def called(number, *arguments):
    return "done" if library.syscall(number, *arguments) >= 0 else ctypes.get_errno()


os.chmod(sys.argv[3], 0)
os.utime(sys.argv[3], (0, 0))
os.setxattr(sys.argv[3], "user.mine", b"1")
os.sched_setaffinity(parent, {0})
numbers = {
    "x86_64": {"tgkill": 234, "tkill": 200, "prlimit64": 302, "shmget": 29, "msgget": 68, "semget": 64},
    "aarch64": {"tgkill": 131, "tkill": 130, "prlimit64": 261, "shmget": 194, "msgget": 186, "semget": 190},
}[os.uname().machine]
told = {
    "tgkill": called(numbers["tgkill"], parent, parent, 0),
    "tkill": called(numbers["tkill"], parent, 0),
    "prlimit64": called(numbers["prlimit64"], parent, 7, None, limits),
    "its own limits": called(numbers["prlimit64"], 0, 7, None, limits),
    "shmget": called(numbers["shmget"], 0, 4096, 0o600),
    "msgget": called(numbers["msgget"], 0, 0o600),
    "semget": called(numbers["semget"], 0, 1, 0o600),
    "setsid": tried(os.setsid),
    "setpgid": tried(lambda: os.setpgid(0, 0)),
}
print(json.dumps([missing, told]))
"""


def test_the_sandbox_reaches_no_other_process_and_changes_nothing_about_a_file(tmp_path: Path) -> None:
    victim, inside = tmp_path / "victim", tmp_path / "inside"
    victim.write_text("mine")
    inside.mkdir()
    before, cores = victim.stat(), os.sched_getaffinity(0)
    path = json.dumps([place for place in sys.path if place])
    command = [sys.executable, "-I", "-c", BEYOND, path, str(inside), str(victim)]
    missing, told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert missing == []
    assert told.pop("its own limits") == "done"
    assert set(told.values()) == {errno.EPERM, "PermissionError"}, told
    after = victim.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert os.listxattr(victim) == []
    assert os.sched_getaffinity(0) == cores


def test_no_process_that_a_file_starts_outlives_the_one_that_opened_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import os, time

        class Stays:
            def __setstate__(self, state):
                if os.fork() == 0:
                    try:
                        os.setsid()
                    except OSError:
                        pass
                    time.sleep(60)
    """
    (tmp_path / "stays_of_the_test.py").write_text(textwrap.dedent(source))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import stays_of_the_test  # type: ignore[import-not-found]

    model = stays_of_the_test.Stays()
    model.state = 1
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    del sys.modules["stays_of_the_test"]
    with pytest.raises(UnsupportedModel):
        drafted(tmp_path / "model.pkl", allow_pickle=True)
    assert [process for process in Path("/proc").glob("[0-9]*") if _knows(process, tmp_path)] == []


def _knows(process: Path, folder: Path) -> bool:
    """Whether it was started with the name of the folder."""
    try:
        return str(folder).encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_what_the_sandbox_lacks_is_said_before_the_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enclosing, "_START", enclosing._START.replace("serve(missing)", "serve(['a wall'])"))
    joblib.dump(RandomForestClassifier(2).fit(TABLE, Y), tmp_path / "model.joblib")
    said: list[str] = []
    made = enclosing.drafted(tmp_path / "model.joblib", SAMPLE, None, sealing.Request(name="x"), said.append)
    assert "a wall" in said[0]
    assert any("a wall" in note for note in made.notes)


def test_the_sandbox_holds_in_the_processes_that_it_starts(tmp_path: Path) -> None:
    code = f"""
import json, subprocess, sys
sys.path[:] = {sys.path!r}
from holdall.packing.sandbox import enter
missing = enter([sys.prefix, sys.base_prefix, *sys.path], {str(tmp_path)!r})
seen = subprocess.run(["cat", "/etc/passwd"], capture_output=True, text=True)
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
    network = "reached"
except OSError as error:
    network = type(error).__name__
open({str(tmp_path / "inside")!r}, "w").close()
print(json.dumps([missing, seen.returncode, seen.stdout, network]))
"""
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    missing, status, text, network = json.loads(ran.stdout)
    assert missing == []
    assert status != 0
    assert text == ""
    assert network == "PermissionError"
    assert (tmp_path / "inside").exists()
    assert os.path.exists("/etc/passwd")
