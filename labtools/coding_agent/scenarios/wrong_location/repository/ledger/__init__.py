"""Sums over a bank's export."""
