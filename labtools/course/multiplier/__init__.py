"""Chapter 1, the latency multiplier."""
