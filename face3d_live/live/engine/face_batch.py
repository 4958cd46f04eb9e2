"""The faces of several sessions' pictures in one call of the network, made while the engine draws."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from face3d_live.regress.estimate import Estimate, EstimateRequest, Estimator
from face3d_live.regress.prediction import Prediction


class FaceBatch:
    """The crops are cut at once, so that the pictures may change afterwards; the network runs on the pool's thread.
    prediction: what it will say.

    The fits are made where the estimates are taken: on a processor one by one, so that the first session does not wait
    for the others' fits; on a GPU all together.
    """

    def __init__(self, estimator: Estimator, requests: Mapping[str, EstimateRequest], pool: ThreadPoolExecutor) -> None:
        self._estimator = estimator
        self._names, self._requests = list(requests), list(requests.values())
        pictures, self._crops = estimator.cut(self._requests)
        self.prediction: Future[Prediction] = pool.submit(estimator.regressor.predict, pictures)
        self._estimates: list[Estimate] | None = None

    def take(self, session: str) -> Estimate:
        """The session's estimate. Waits for the network, and raises what it raises."""
        i, prediction = self._names.index(session), self.prediction.result()
        if not self._estimator.fits_together:
            crop, request = self._crops[i], self._requests[i]
            return self._estimator.refine(prediction.row(i), crop, request.camera, request.identity)
        if self._estimates is None:
            self._estimates = self._estimator.refine_all(prediction, self._crops, self._requests)
        return self._estimates[i]
