"""CatBoost: its bare models, its scikit-learn wrappers, and these inside pipelines. Nothing here imports catboost itself."""
