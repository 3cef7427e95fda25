"""The workload as an MLflow model folder. Its default format refuses this model, hence cloudpickle."""

import sys

import joblib
import mlflow.sklearn

pipeline, folder = sys.argv[1:]
mlflow.sklearn.save_model(
    joblib.load(pipeline),
    folder,
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
    pip_requirements=["scikit-learn", "pandas"],
)
