"""The load probe on Locust: the same calls from as many processes and machines as it takes.

`plan` says how much, `locustfile` is what Locust runs (users share `measuring`, which calls over
`connections` within an `allowance`), `processes` starts Locust here, `results` reads what its
processes wrote, `command` is what a shell sees.

Locust patches the standard library of its process (gevent). So nothing but `locustfile`,
`measuring` and `connections` may import it, and nothing else may import those three: they run in
processes of their own.
"""
