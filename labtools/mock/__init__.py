"""The mock endpoint: an engine that decides when, answers that decide what, HTTP around both."""
