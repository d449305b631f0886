"""Readers of other tools' logs, a file a format. CONTRIBUTING.md says how to add one."""
