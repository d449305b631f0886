"""The course: a folder a chapter, with its figures, checks, claims and data."""
