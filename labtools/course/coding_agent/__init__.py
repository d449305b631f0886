"""Chapter 6, the coding agent."""
