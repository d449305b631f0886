"""Chapter 7, evaluating a provider."""
