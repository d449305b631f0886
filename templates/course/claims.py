"""Claims about CHAPTER_TITLE: a function for each in claims.toml, named after it."""

from __future__ import annotations
