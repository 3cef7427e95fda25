"""scikit-learn: one converter per estimator, by family of estimators."""
