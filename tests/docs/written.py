"""The files that a guide shows: python blocks whose first line is `# NAME.py`, and entry points as an installation has them."""

from __future__ import annotations

import re
from pathlib import Path

NAMED = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_POINTS = re.compile(r'^```toml\n\[project\.entry-points\."([\w.]+)"\]\n(.*?)^```', re.MULTILINE | re.DOTALL)


def write(page: Path, folder: Path) -> None:
    """Put them into the folder, which is then one that a distribution was installed into."""
    text = page.read_text("utf-8")
    for name, content in NAMED.findall(text):
        (folder / name).write_text(content, "utf-8")
    for group, lines in _POINTS.findall(text):
        installed = folder / "shown_by_a_guide-1.0.dist-info"
        installed.mkdir(exist_ok=True)
        (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: shown-by-a-guide\nVersion: 1.0\n")
        (installed / "entry_points.txt").write_text(f"[{group}]\n{lines.replace(chr(34), '')}")
