"""Chapter 4, parallel calls."""
