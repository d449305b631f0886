"""Measuring an endpoint for an agent's builder: which of these makes my agent fast?

Read in this order: `settings` (how much), `plan` and `axes` (what is sent, as data, what it amounts
to and what is said of it; a file an axis), `abilities` (what the endpoint knows of the API),
`session` (sends it), `observations` (what was measured) and `results_folder` (keeps it), `fitting`
(the latency model that explains it), `report` and `comparison` (what it all amounts to),
`figures` and `reporting` (what a person reads), `command`.

Nothing here knows the mock: an evaluator must not read the answers that it grades.
"""
