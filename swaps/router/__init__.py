"""The router process: rows in, by xDS to every Envoy; what they applied and proved out, as rows.

Begin in `process.py`. `rows` reads and writes, `resources` builds, `xds` and `metrics` are the two
streams of a node. The engine is met in the database alone.
"""
