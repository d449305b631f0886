"""Your own agent: its trace read, explained and moved."""
