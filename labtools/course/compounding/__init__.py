"""Chapter 8, the compounding effect."""
