"""Chapter 5, prefix caching."""
