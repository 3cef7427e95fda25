"""FastAPI + joblib + pandas with a preprocessing function before the pipeline: what most teams write."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

from features import prepare

pipeline = joblib.load(os.environ["PIPE"])
numbers = {name: (float, ...) for name in pipeline.feature_names_in_ if name.startswith("n")}
texts = {name: (str, ...) for name in pipeline.feature_names_in_ if name.startswith("c")}
Row = create_model("Row", **numbers, **texts)


class Request(BaseModel):
    rows: list[Row]


app = FastAPI()


@app.post("/predict")
def predict(request: Request) -> dict[str, list[list[float]]]:
    table = pd.DataFrame([row.model_dump() for row in request.rows], columns=list(pipeline.feature_names_in_))
    return {"predictions": pipeline.predict_proba(prepare(table)).tolist()}
