"""What only tells: wake-ups, page nudges, gauges, heartbeats. It neither fails nor delays anything.

Begin in `wake.py` and `broadcast.py`. Imports rows and the domain.
"""
