"""What single chapters study: their data, and the arithmetic on it."""
