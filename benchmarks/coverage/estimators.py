"""The fixed list: every scikit-learn estimator that predicts or transforms, with the parameters that it is measured with.

Parameters are the defaults, but for random states, for sizes that only cost time, and for what an estimator cannot be
made without. What has no answer for new rows is listed with the reason, so that an estimator that scikit-learn adds is
in neither list and fails the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """name: the class. kind: of the tables, see `tables`. parameters: what is not the default; a text that begins with
    '=' is an expression in the names of `_names`, evaluated when the estimator is made."""

    name: str
    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


SEED = {"random_state": 0}
SMALL_FOREST = {"n_estimators": 20, **SEED}
LINEAR = "=LogisticRegression()"
RIDGE = "=Ridge()"
TREE = "=DecisionTreeClassifier(max_depth=4, random_state=0)"

_CLASSES: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": SMALL_FOREST,
    "BaggingClassifier": SEED,
    "BernoulliNB": {},
    "CalibratedClassifierCV": {"cv": 3},
    "DecisionTreeClassifier": SEED,
    "DummyClassifier": {},
    "ExtraTreeClassifier": SEED,
    "ExtraTreesClassifier": SMALL_FOREST,
    "FrozenEstimator": {"estimator": "=LogisticRegression().fit(X, y)"},
    "GaussianNB": {},
    "GaussianProcessClassifier": SEED,
    "GradientBoostingClassifier": SMALL_FOREST,
    "GridSearchCV": {"estimator": LINEAR, "param_grid": {"C": [0.1, 1.0]}, "cv": 3},
    "HalvingGridSearchCV": {"estimator": TREE, "param_grid": {"max_depth": [2, 4]}, "cv": 3, **SEED},
    "HalvingRandomSearchCV": {"estimator": TREE, "param_distributions": {"max_depth": [2, 4]}, "cv": 3, **SEED},
    "HistGradientBoostingClassifier": {"max_iter": 20, **SEED},
    "KNeighborsClassifier": {},
    "LabelPropagation": {"gamma": 0.5},
    "LabelSpreading": {"gamma": 0.5},
    "LinearDiscriminantAnalysis": {},
    "LinearSVC": SEED,
    "LogisticRegression": {},
    "LogisticRegressionCV": {"Cs": 3, "cv": 3, "use_legacy_attributes": False},
    "MLPClassifier": {"hidden_layer_sizes": (20,), "max_iter": 60, **SEED},
    "NearestCentroid": {},
    "NuSVC": {"nu": 0.2, **SEED},
    "OneVsOneClassifier": {"estimator": LINEAR},
    "OneVsRestClassifier": {"estimator": LINEAR},
    "OutputCodeClassifier": {"estimator": LINEAR, **SEED},
    "PassiveAggressiveClassifier": SEED,
    "Perceptron": SEED,
    "Pipeline": {"steps": "=[('scale', StandardScaler()), ('model', LogisticRegression())]"},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "RadiusNeighborsClassifier": {"radius": 1e3, "outlier_label": "most_frequent"},
    "RandomForestClassifier": SMALL_FOREST,
    "RandomizedSearchCV": {
        "estimator": TREE,
        "param_distributions": {"max_depth": [2, 4]},
        "n_iter": 2,
        "cv": 3,
        **SEED,
    },
    "RFE": {"estimator": LINEAR},
    "RFECV": {"estimator": LINEAR, "cv": 3},
    "RidgeClassifier": {},
    "RidgeClassifierCV": {},
    "SGDClassifier": SEED,
    "StackingClassifier": {"estimators": f"=[('a', {LINEAR[1:]}), ('b', {TREE[1:]})]", "cv": 3},
    "SVC": SEED,
    "VotingClassifier": {"estimators": f"=[('a', {LINEAR[1:]}), ('b', {TREE[1:]})]"},
}
_REGRESSION: dict[str, dict[str, Any]] = {
    "AdaBoostRegressor": SMALL_FOREST,
    "ARDRegression": {},
    "BaggingRegressor": SEED,
    "BayesianRidge": {},
    "DecisionTreeRegressor": SEED,
    "DummyRegressor": {},
    "ElasticNet": {},
    "ElasticNetCV": {"cv": 3, "alphas": 20},
    "ExtraTreeRegressor": SEED,
    "ExtraTreesRegressor": SMALL_FOREST,
    "GaussianProcessRegressor": {"alpha": 1.0, **SEED},
    "GradientBoostingRegressor": SMALL_FOREST,
    "HistGradientBoostingRegressor": {"max_iter": 20, **SEED},
    "HuberRegressor": {},
    "KernelRidge": {},
    "KNeighborsRegressor": {},
    "Lars": SEED,
    "LarsCV": {"cv": 3},
    "Lasso": {},
    "LassoCV": {"cv": 3, "alphas": 20},
    "LassoLars": {},
    "LassoLarsCV": {"cv": 3},
    "LassoLarsIC": {},
    "LinearRegression": {},
    "LinearSVR": SEED,
    "MLPRegressor": {"hidden_layer_sizes": (20,), "max_iter": 60, **SEED},
    "NuSVR": {},
    "OrthogonalMatchingPursuit": {},
    "OrthogonalMatchingPursuitCV": {"cv": 3},
    "PassiveAggressiveRegressor": SEED,
    "QuantileRegressor": {},
    "RadiusNeighborsRegressor": {"radius": 1e3},
    "RandomForestRegressor": SMALL_FOREST,
    "RANSACRegressor": SEED,
    "Ridge": {},
    "RidgeCV": {},
    "SGDRegressor": SEED,
    "StackingRegressor": {
        "estimators": f"=[('a', {RIDGE[1:]}), ('b', DecisionTreeRegressor(max_depth=4, random_state=0))]",
        "cv": 3,
    },
    "SVR": {},
    "TheilSenRegressor": {"max_subpopulation": 200, **SEED},
    "TransformedTargetRegressor": {"regressor": RIDGE, "transformer": "=StandardScaler()"},
    "VotingRegressor": {
        "estimators": f"=[('a', {RIDGE[1:]}), ('b', DecisionTreeRegressor(max_depth=4, random_state=0))]"
    },
}
_ROWS: dict[str, dict[str, Any]] = {
    "AffinityPropagation": SEED,
    "BayesianGaussianMixture": {"n_components": 3, **SEED},
    "Binarizer": {},
    "Birch": {},
    "BisectingKMeans": {"n_clusters": 5, **SEED},
    "DictionaryLearning": {"n_components": 3, "max_iter": 20, **SEED},
    "EllipticEnvelope": SEED,
    "FactorAnalysis": {"n_components": 2},
    "FastICA": {"n_components": 2, "whiten": "unit-variance", **SEED},
    "FeatureAgglomeration": {},
    "FeatureUnion": {"transformer_list": "=[('scale', StandardScaler()), ('axes', PCA(2))]"},
    "FunctionTransformer": {},
    "GaussianMixture": {"n_components": 3, **SEED},
    "GaussianRandomProjection": {"n_components": 3, **SEED},
    "GenericUnivariateSelect": {},
    "IncrementalPCA": {"n_components": 2},
    "IsolationForest": SMALL_FOREST,
    "Isomap": {},
    "IterativeImputer": {"max_iter": 5, **SEED},
    "KBinsDiscretizer": {"quantile_method": "averaged_inverted_cdf"},
    "KernelDensity": {},
    "KernelPCA": {"n_components": 3},
    "KMeans": {"n_clusters": 5, **SEED},
    "KNeighborsTransformer": {},
    "KNNImputer": {},
    "LocallyLinearEmbedding": {"n_neighbors": 8, "eigen_solver": "dense", **SEED},
    "LocalOutlierFactor": {"novelty": True},
    "MaxAbsScaler": {},
    "MeanShift": {},
    "MiniBatchDictionaryLearning": {"n_components": 3, "max_iter": 20, **SEED},
    "MiniBatchKMeans": {"n_clusters": 5, **SEED},
    "MiniBatchSparsePCA": {"n_components": 2, **SEED},
    "MinMaxScaler": {},
    "MissingIndicator": {"features": "all"},
    "NeighborhoodComponentsAnalysis": {"max_iter": 20, **SEED},
    "Normalizer": {},
    "Nystroem": {"n_components": 20, **SEED},
    "OneClassSVM": {},
    "PCA": {"n_components": 3},
    "PolynomialCountSketch": {"n_components": 10, **SEED},
    "PolynomialFeatures": {},
    "PowerTransformer": {},
    "QuantileTransformer": {"n_quantiles": 100, **SEED},
    "RadiusNeighborsTransformer": {"radius": 1e3},
    "RandomTreesEmbedding": SMALL_FOREST,
    "RBFSampler": SEED,
    "RobustScaler": {},
    "SelectFdr": {},
    "SelfTrainingClassifier": {"estimator": LINEAR},
    "SelectFpr": {},
    "SelectFromModel": {"estimator": LINEAR},
    "SelectFwe": {},
    "SelectKBest": {"k": 3},
    "SelectPercentile": {"percentile": 50},
    "SequentialFeatureSelector": {"estimator": LINEAR, "n_features_to_select": 2, "cv": 3},
    "SGDOneClassSVM": SEED,
    "SimpleImputer": {},
    "SparseCoder": {"dictionary": "=dictionary(X)"},
    "SparsePCA": {"n_components": 2, **SEED},
    "SparseRandomProjection": {"n_components": 3, **SEED},
    "SplineTransformer": {},
    "StandardScaler": {},
    "TruncatedSVD": SEED,
    "VarianceThreshold": {},
}
_OTHER: dict[str, dict[str, dict[str, Any]]] = {
    "binary": {
        "FixedThresholdClassifier": {"estimator": LINEAR, "threshold": 0.3},
        "TunedThresholdClassifierCV": {"estimator": LINEAR, "cv": 3, "thresholds": 20, **SEED},
    },
    "categories": {
        "OneHotEncoder": {"handle_unknown": "ignore"},
        "OrdinalEncoder": {"handle_unknown": "use_encoded_value", "unknown_value": -1},
        "TargetEncoder": SEED,
    },
    "codes": {"CategoricalNB": {}},
    "column": {"IsotonicRegression": {"out_of_bounds": "clip"}},
    "documents": {"CountVectorizer": {}, "HashingVectorizer": {"n_features": 64}, "TfidfVectorizer": {}},
    "mixed": {
        "ColumnTransformer": {
            "transformers": "=[('text', OneHotEncoder(handle_unknown='ignore'), ['city', 'size']), "
            "('number', SimpleImputer(), ['rooms', 'area'])]"
        },
    },
    "name_sets": {"FeatureHasher": {"n_features": 16, "input_type": "string"}, "MultiLabelBinarizer": {}},
    "names": {"LabelBinarizer": {}, "LabelEncoder": {}},
    "positive": {
        "AdditiveChi2Sampler": {},
        "ComplementNB": {},
        "LatentDirichletAllocation": {"n_components": 3, **SEED},
        "MiniBatchNMF": {"n_components": 2, **SEED},
        "MultinomialNB": {},
        "NMF": {"n_components": 2, **SEED},
        "SkewedChi2Sampler": SEED,
        "TfidfTransformer": {},
        "BernoulliRBM": {"n_components": 5, **SEED},
    },
    "positive_regression": {"GammaRegressor": {}, "PoissonRegressor": {}, "TweedieRegressor": {}},
    "sets": {
        "ClassifierChain": {"estimator": LINEAR, **SEED},
        "MultiOutputClassifier": {"estimator": LINEAR},
    },
    "similarities": {"KernelCenterer": {}},
    "targets": {
        "CCA": {},
        "MultiOutputRegressor": {"estimator": RIDGE},
        "MultiTaskElasticNet": {},
        "MultiTaskElasticNetCV": {"cv": 3, "alphas": 20},
        "MultiTaskLasso": {},
        "MultiTaskLassoCV": {"cv": 3, "alphas": 20},
        "PLSCanonical": {},
        "PLSRegression": {},
        "PLSSVD": {},
        "RegressorChain": {"estimator": RIDGE, **SEED},
    },
    "dictionaries": {"DictVectorizer": {}},
    "images": {"PatchExtractor": {}},
}

CASES: tuple[Case, ...] = tuple(
    sorted(
        (
            Case(name, kind, parameters)
            for kind, group in (
                *(("classes", _CLASSES), ("regression", _REGRESSION), ("rows", _ROWS)),
                *tuple(_OTHER.items()),
            )
            for name, parameters in group.items()
        ),
        key=lambda case: case.name.lower(),
    )
)

_CLUSTERS = "it clusters the rows that it is fitted on and assigns no others"
_EMBEDS = "it places the rows that it is fitted on and no others"
_COVARIANCE = "it estimates a covariance: it neither predicts nor transforms"
ANSWERLESS: Mapping[str, str] = {
    "AgglomerativeClustering": _CLUSTERS,
    "ClassicalMDS": _EMBEDS,
    "DBSCAN": _CLUSTERS,
    "EmpiricalCovariance": _COVARIANCE,
    "GraphicalLasso": _COVARIANCE,
    "GraphicalLassoCV": _COVARIANCE,
    "HDBSCAN": _CLUSTERS,
    "LedoitWolf": _COVARIANCE,
    "MDS": _EMBEDS,
    "MinCovDet": _COVARIANCE,
    "NearestNeighbors": "it finds neighbours: it neither predicts nor transforms",
    "OAS": _COVARIANCE,
    "OPTICS": _CLUSTERS,
    "ShrunkCovariance": _COVARIANCE,
    "SpectralBiclustering": _CLUSTERS,
    "SpectralClustering": _CLUSTERS,
    "SpectralCoclustering": _CLUSTERS,
    "SpectralEmbedding": _EMBEDS,
    "TSNE": _EMBEDS,
}


def classes() -> dict[str, type]:
    """Every estimator class of the scikit-learn that is installed, by its name."""
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
    from sklearn.utils import all_estimators

    return dict(all_estimators())


def make(case: Case, X: Any, y: Any) -> Any:
    """The case's estimator, not fitted. X, y: what it will be fitted on."""
    known = classes()
    names = {**known, "X": X, "y": y, "dictionary": _dictionary}
    given = {
        key: eval(value[1:], names) if isinstance(value, str) and value.startswith("=") else value  # noqa: S307 — ours
        for key, value in case.parameters.items()
    }
    return known[case.name](**given)


def _dictionary(X: Any) -> Any:
    """Three rows, each of length one."""
    import numpy as np

    values = np.asarray(X, np.float64)[[0, 60, 120]]
    return values / np.linalg.norm(values, axis=1, keepdims=True)
