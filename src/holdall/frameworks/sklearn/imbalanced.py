"""imbalanced-learn: what resamples the training rows leaves the answer for new rows alone.

Its pipelines pass new rows by the samplers, and its ensembles answer as scikit-learn's of which they are made.
"""

from __future__ import annotations

from holdall.frameworks.sklearn.compose import pipeline_predict, pipeline_transform
from holdall.frameworks.sklearn.ensembles import ada_boost_classifier, bagging_classifier
from holdall.frameworks.sklearn.registry import predictor, transformer
from holdall.frameworks.sklearn.trees import forest_classifier

predictor("imblearn.Pipeline")(pipeline_predict)
transformer("imblearn.Pipeline")(pipeline_transform)
predictor("imblearn.BalancedBaggingClassifier", "imblearn.EasyEnsembleClassifier")(bagging_classifier)
predictor("imblearn.BalancedRandomForestClassifier")(forest_classifier)
predictor("imblearn.RUSBoostClassifier")(ada_boost_classifier)
