"""REST under /api/v1/: HTTP in, one command or one reading, JSON out. No logic.

door.py       the API itself: its OpenAPI, its errors, what it answers to unknown paths
bearer.py     who asks, and whether their role may
problems.py   every error as RFC 9457 problem+json
schemas.py    what bodies and queries have in common
repeatable.py edits.py    a POST that may be repeated, an edit of what was seen
swaps.py  stream.py  models.py  drainage.py  hosts.py  strategies.py  router_nodes.py  audit.py
tokens.py  users.py  approvals.py      the calls, and what their bodies hold
docs.py  document.py   the OpenAPI document, and the page made of it
probes.py  metrics.py   /healthz, /readyz, /metrics: no prefix, no token
"""
