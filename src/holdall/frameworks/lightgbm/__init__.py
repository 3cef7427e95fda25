"""LightGBM: boosters, its scikit-learn wrappers, and these inside pipelines. Nothing here imports lightgbm itself."""
