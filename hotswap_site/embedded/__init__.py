"""Postgres, Valkey and Envoy as child processes, for a machine that has none of them.

`paths` says where everything lives; `postgres`, `valkey` and `envoy` describe one child
each; `supervisor` starts them, shows what they say, restarts what dies and ends them all.
"""
