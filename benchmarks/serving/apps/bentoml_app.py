"""BentoML as in its quick start: a service that takes an array. It gets codes, not names, which spares it work."""

import bentoml
import classifier
import numpy as np


@bentoml.service(workers=2)
class Flights:
    def __init__(self) -> None:
        self.model = classifier.load()

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]
