"""The latency model: a profile, its closed forms, and the metrics that describe what it gives."""
