"""The fit: what an endpoint's latency model must be, for it to have answered as it did.

Read in this order: `parameter` (what is said of each figure), `evidence` (which calls it stands
on), `robust` (the estimators), `alone` and `prefill` (a lone call), `cache` and `reuse`, `pace`
(jitter and tail), `schema`, `load` (one part of the model each), `held_out` (the test), `fit` (all
of it).
"""

from labtools.evaluation.fitting.fit import Fit, fit
from labtools.evaluation.fitting.held_out import Prediction
from labtools.evaluation.fitting.parameter import STATUSES, Parameter

__all__ = ["STATUSES", "Fit", "Parameter", "Prediction", "fit"]
