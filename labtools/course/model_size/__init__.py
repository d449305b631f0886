"""Chapter 2, why model size is not the only variable."""
