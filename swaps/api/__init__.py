"""REST under /api/v1/: HTTP in, one command or one reading, JSON out. No logic.

door.py       the API itself: its OpenAPI, its errors, what it answers to unknown paths
bearer.py     who asks, and whether their role may
problems.py   every error as RFC 9457 problem+json
schemas.py    what bodies may hold
swaps.py  models.py  hosts.py  fleet.py  drainage.py  tokens.py     the calls
probes.py  metrics.py   /healthz, /readyz, /metrics: no prefix, no token
"""
