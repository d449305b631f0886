"""A real engine, and the mock held against it."""
