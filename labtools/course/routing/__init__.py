"""Chapter 3, routing."""
