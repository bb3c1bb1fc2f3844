"""FastAPI as tutorials have it: a pydantic model, a data frame, the scikit-learn wrapper's `predict` and `predict_proba`."""

import json
import os
from pathlib import Path

import classifier
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

MATERIAL = Path(os.environ["SERVING_MATERIAL"])
CODES = json.loads((MATERIAL / "codes.json").read_text())

app = FastAPI()
model = classifier.load()


class Flight(BaseModel):
    carrier: str
    origin: str
    dest: str
    flight: float
    distance: float
    month: float
    day: float
    weekday: float
    hour: float
    minute: float
    notice_hours: float
    dep_delay: float


class Answer(BaseModel):
    score: float
    late: bool


def answers(flights: list[Flight]) -> list[Answer]:
    rows = [flight.model_dump() for flight in flights]
    for row in rows:
        for name, codes in CODES.items():
            row[name] = codes[row[name]]
    frame = pd.DataFrame(rows)
    probability = model.predict_proba(frame)[:, 1]
    late = model.predict(frame)
    return [Answer(score=score, late=bool(label)) for score, label in zip(probability.tolist(), late, strict=True)]


@app.post("/predict")
def predict(flight: Flight) -> Answer:
    return answers([flight])[0]


@app.post("/predict_many")
def predict_many(flights: list[Flight]) -> list[Answer]:
    return answers(flights)
