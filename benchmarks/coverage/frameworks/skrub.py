"""skrub: tables made into numbers by what it finds in them."""

from __future__ import annotations

from typing import Any

from benchmarks.coverage.flats import case

FRAMEWORK = "skrub"


def _table(encoder: str | None) -> Any:
    def steps() -> list[Any]:
        import skrub
        from sklearn.impute import SimpleImputer

        if encoder is None:
            return [skrub.TableVectorizer(), SimpleImputer()]
        inner = getattr(skrub, encoder)(n_components=3)
        return [skrub.TableVectorizer(high_cardinality=inner, cardinality_threshold=2), SimpleImputer()]

    return steps


def _squashed() -> list[Any]:
    import skrub
    from sklearn.impute import SimpleImputer

    return [SimpleImputer(), skrub.SquashingScaler()]


CASES = (
    case(FRAMEWORK, "TableVectorizer", _table(None), "native"),
    *(case(FRAMEWORK, name, _table(name), "native") for name in ("GapEncoder", "MinHashEncoder", "StringEncoder")),
    case(FRAMEWORK, "SquashingScaler", _squashed, "portable", columns=["rooms", "area"]),
)
