"""Measuring: when bytes arrive, what one call took, and what a run was made of."""
