"""How bytes travel and when they arrive: over HTTP, within this process, from a recording."""
