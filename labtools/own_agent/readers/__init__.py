"""Readers of other tools' logs, a file for each kind. CONTRIBUTING.md says how to add a format."""
