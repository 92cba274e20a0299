"""The router's page.

Begin in `page.py`.
"""
