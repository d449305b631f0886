"""Measuring an endpoint for an agent's builder: which of these makes my agent fast?

Read in this order: `settings` (how much), `probes` (what is sent, as data: `plan`), `abilities`
(what the endpoint knows of the API), `session` (sends it), `observations` (keeps it), `overhead`
(what the measuring machine adds), `summary` (what it amounts to), `fitting` (the latency model
that explains it), `page` and `compare` (what a person reads).

Nothing here knows the mock: an evaluator must not read the answers that it grades.
"""
