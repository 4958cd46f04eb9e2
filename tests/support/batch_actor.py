"""What a batch on a Ray cluster runs. Alone in its module, which every actor's process imports."""

import os
import signal


class Doubler:
    """An actor of a batch. It dies of 13."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, batch):
        if 13 in list(batch["n"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"key": batch["key"], "made": [int(n) * self.factor for n in batch["n"]]}
