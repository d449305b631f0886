"""The lab: an endpoint, a clock and a stopwatch, and the trace of what ran on them."""
