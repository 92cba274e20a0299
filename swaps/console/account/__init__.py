"""Signing in and out, and one's own password.

Begin in `signing_in.py`.
"""
