"""Envoy's configuration streams: who connects, what is sent, what was acknowledged.

Begin in `server.py`; `session.py` is one stream without the network.
"""
