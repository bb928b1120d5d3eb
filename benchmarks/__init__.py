"""Figures of this engine beside those of its peers and of hand-written code, from one run: `make bench`.

One file a table: pages, compiling, stores, redisstores, sqlstores, wsgi, http, contention, cleaning, footprint,
growth. Each has a function `tables(size)`, and runs in a process of its own. `python -m benchmarks --quick` does all
of them in a small size, `python -m benchmarks pages stores --quick` some. A peer that is not installed is left out.
"""
