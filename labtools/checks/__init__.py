"""Checks of the labs' exercises, one module a lab.

A check says what it found and names the likely mistake. It never raises for a wrong answer.
"""
