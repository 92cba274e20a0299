"""Envoy's metrics streams: flushes to warmth, drain proofs and live gauges.

Begin in `gauges.py`.
"""
