"""Locks for tests, as a resolver writes them."""

from __future__ import annotations

SHA = "7634f50c427838bb021c2d66a3d1168e9d199b0607e6329399f04846d42e20b4"
SERVER = "https" + "://index.example"
"""An index that there is not: what tests of dropped addresses start from. No file holds a whole address."""

RESOLVED = f"""\
# made by a tool, on a day
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"

[[packages]]
name = "numpy"
version = "2.4.6"
sdist = {{ url = "{SERVER}/a/numpy-2.4.6.tar.gz", upload-time = 2025-12-19T23:16:13Z, size = 9, hashes = {{ sha256 = "{SHA}" }} }}
wheels = [
    {{ url = "{SERVER}/b/numpy-2.4.6-cp311-cp311-win_amd64.whl", upload-time = 2025-12-19T23:16:13Z, size = 7, hashes = {{ sha256 = "{SHA}" }} }},
    {{ url = "{SERVER}/c/numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl#egg=x", size = 8, hashes = {{ sha256 = "{SHA}" }} }},
]

[[packages]]
name = "Flatbuffers"
version = "25.12.19"
marker = "python_full_version >= '3.11'"
wheels = [{{ path = "../wheelhouse/flatbuffers-25.12.19-py2.py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }}]

[[packages]]
name = "only-source"
version = "1.0"
sdist = {{ url = "file:///srv/only_source-1.0.tar.gz", size = 12, hashes = {{ sha256 = "{SHA}" }} }}
"""
