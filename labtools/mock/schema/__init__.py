"""JSON values drawn from a JSON schema."""
