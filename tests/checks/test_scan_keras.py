"""Names in a Keras configuration: Keras' own parts are data, all others are told."""

from __future__ import annotations

from typing import Any

import pytest

from holdall.checks.scan_keras import keras_code


@pytest.mark.parametrize(
    "thing",
    [
        {"module": "keras.layers", "class_name": "Dense", "registered_name": None, "config": {}},
        {"module": "keras", "class_name": "Sequential"},
        {"module": "keras.src.ops.numpy", "class_name": "Add", "registered_name": "Add"},
        {"class_name": "__keras_tensor__", "config": {"shape": [None, 3]}},
    ],
)
def test_parts_of_keras_are_data(thing: dict[str, Any]) -> None:
    assert not list(keras_code({"config": {"layers": [thing]}}))


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ({"module": "keras.layers", "class_name": "Lambda"}, "Lambda"),
        ({"class_name": "__lambda__", "config": {"value": "4wEA"}}, "__lambda__"),
        ({"module": "os", "class_name": "system"}, "os.system"),
        ({"module": "builtins", "class_name": "function", "config": "mine"}, "builtins.mine"),
        ({"module": "keras.utils", "class_name": "function", "config": "get_file"}, "keras.utils.get_file"),
        ({"module": "keras.config", "class_name": "enable_unsafe_deserialization"}, "keras.config.enable_unsafe"),
        ({"module": None, "class_name": "Own", "registered_name": "shop>Own"}, "shop>Own"),
        ({"class_name": "shop>Own"}, "shop>Own"),
        ({"module": "kerasx.layers", "class_name": "Dense"}, "kerasx.layers.Dense"),
    ],
)
def test_what_comes_from_elsewhere_is_told(thing: dict[str, Any], told: str) -> None:
    assert any(name.startswith(told) for name in keras_code({"config": {"layers": [{"config": thing}]}}))
