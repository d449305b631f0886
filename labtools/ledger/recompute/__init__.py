"""The claims recomputed: a module for each chapter, a function for each claim.

A function is named after its claim, gets the essay's figures as keywords and returns a `Finding`.
"""
