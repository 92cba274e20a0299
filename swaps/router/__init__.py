"""The router process: rows in, by xDS to every Envoy; what they applied and proved out, as rows.

Begin in `port.py`, which has both directions; `process.py` puts the two sides together. `rows`
reads and writes; behind the port `resources` builds, `xds` and `metrics` are the two streams of a
node. The engine is met in the database alone.
"""
