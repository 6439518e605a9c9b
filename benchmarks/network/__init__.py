"""Whole jobs on a line with latency: this project beside the others. `make bench-network` writes NETWORK.md.

`line.c` is the line, between two network namespaces. `registry/` is the registry at its far end. `gomodule/`, `ours.py`
and `microsoft.py` are clients. All traffic stays in the two namespaces, which have no route to anywhere else.
"""
