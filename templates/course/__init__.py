"""CHAPTER_TITLE."""

from labtools.course.CHAPTER_NAME import checks as check
from labtools.course.CHAPTER_NAME import figures
