"""OpenAI's JSON and server-sent events, in both directions, without any I/O."""
