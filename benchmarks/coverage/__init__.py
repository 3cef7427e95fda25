"""How much of scikit-learn packs, measured: a fixed list of estimators, fixed tables, and what became of each.

`python -m benchmarks.coverage` measures all and writes docs/reference/coverage.json, from which scripts/coverage_page.py
makes the page; `--quick` measures little and writes nothing. What is measured is said in `measuring`.
"""
