"""What a pickle may name, for the reader that opens it and for the scan that only looks: one list for both.

The names of `holdall.engines.types`, and what pickle and joblib themselves name to rebuild such objects. A name that is
not here is not known to be harmless; that is all the list says of it.
"""

from __future__ import annotations

import _compat_pickle

from holdall.engines import types

GUARDED = frozenset(
    {
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.bytes",
        "collections.OrderedDict",
        "collections.defaultdict",
        "copyreg._reconstructor",
        "functools.partial",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer",
        "numpy.dtype",
        "numpy.ma.core._mareconstruct",
        "numpy.random._pickle.__bit_generator_ctor",
        "numpy.random._pickle.__generator_ctor",
        "numpy.random._pickle.__randomstate_ctor",
        "sklearn.neighbors._ball_tree.newObj",
        "sklearn.neighbors._kd_tree.newObj",
        "sklearn.metrics._dist_metrics.newObj",
        "sklearn.tree._tree.Tree",
    }
)
"""What is called only through a guard of the reader, which checks what it is given."""

NEIGHBOURS = frozenset(
    name for name in types.PARTS if name.startswith(("sklearn.neighbors._", "sklearn.metrics._dist_metrics."))
)
_BUILTINS = frozenset(
    f"builtins.{name}" for name in ("bool", "complex", "dict", "float", "frozenset", "int", "list", "object")
) | {"builtins.set", "builtins.slice", "builtins.str", "builtins.tuple"}
_SCALARS = frozenset(name for name in types.CONTAINERS if name.startswith("numpy."))
_BIT_GENERATORS = frozenset(
    {
        "numpy.random._mt19937.MT19937",
        "numpy.random._pcg64.PCG64",
        "numpy.random._pcg64.PCG64DXSM",
        "numpy.random._philox.Philox",
        "numpy.random._sfc64.SFC64",
        "numpy.random.bit_generator.SeedSequence",
    }
)
_RESTORERS = frozenset(
    {
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        "sklearn._loss._loss.__pyx_unpickle_CyHalfMultinomialLoss",
    }
)
_SPARSE = frozenset(name for name in types.CONTAINERS if name.startswith("scipy."))
_LOSSES = frozenset(
    name for name in types.PARTS if name.startswith(("sklearn._loss._loss.", "sklearn.linear_model._sgd_fast."))
)

MADE = types.ESTIMATORS | types.PARTS | _SPARSE
"""Classes of which an empty instance is made, to be given its state."""

CALLED = _LOSSES | _RESTORERS | {f"builtins.{name}" for name in ("complex", "frozenset", "set", "slice")}
"""What a stream may call as it stands."""

NAMED = MADE | CALLED | types.FUNCTIONS | _BUILTINS | _SCALARS | _BIT_GENERATORS
"""All that a stream may name, what is guarded aside."""


def modern(module: str, name: str, protocol: int) -> tuple[str, str]:
    """The name that a stream means: Python 2's modules under protocols that know them, and where numpy moved its own to."""
    if protocol < 3:
        module, name = _compat_pickle.NAME_MAPPING.get(
            (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
        )
    if module.startswith("numpy.core."):
        module = "numpy._core." + module.removeprefix("numpy.core.")
    return module, name
