"""The load probe on Locust: the same calls from as many processes and machines as it takes.

`plan` says how much and starts Locust's processes here, `locustfile` is what Locust runs, `results`
reads what its processes wrote, `command` is what a shell sees.

Locust patches the standard library of its process (gevent). So nothing but `locustfile` may import
it, and nothing else may import that: it runs in processes of its own.
"""
