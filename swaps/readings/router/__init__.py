"""How the router looks: processes, nodes, certificates.

Begin in `router.py`.
"""
