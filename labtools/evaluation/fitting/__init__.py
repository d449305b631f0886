"""The fit: what an endpoint's latency model must be, for it to have answered as it did.

Read in this order: `result` (what is said of each figure), `evidence` (which calls it stands on),
`robust` (the estimator), `terms` (all at once), `lone_call` (a call with the endpoint to itself)
with `jitter`, `prefix_cache`, `chunked_prefill` and `queueing` (what others do to it), `held_out`
(the test), `fit` (all of it).
"""

from labtools.evaluation.fitting.fit import fit
from labtools.evaluation.fitting.held_out import Prediction
from labtools.evaluation.fitting.result import Fit, Parameter, Status

__all__ = ["Fit", "Parameter", "Prediction", "Status", "fit"]
