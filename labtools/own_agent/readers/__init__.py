"""Readers of other tools' logs, a file for each kind of log. CONTRIBUTING.md says how to add one."""
