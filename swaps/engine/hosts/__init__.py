"""Calls to model hosts: under leases, with answers as rows, and the rounds that look after hosts.

Begin in `calls.py`; `rounds.py` says when hosts are looked after, `reconcile.py` what is done then.
"""
