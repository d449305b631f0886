"""A real inference engine with nothing to download: llama.cpp's server on random weights."""
