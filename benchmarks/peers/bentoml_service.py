"""The workload as a BentoML service that batches. Rows as dictionaries: with a data frame `batchable` hangs (1.4.40)."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 2000})
class Workload:
    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["PIPE"])

    @bentoml.api(batchable=True, max_batch_size=100, max_latency_ms=10_000)
    def predict(self, rows: list[dict]) -> list[list[float]]:
        return self.pipeline.predict_proba(pd.DataFrame(rows)).tolist()
