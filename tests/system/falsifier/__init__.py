"""Tries to prove the drain proof wrong: flips under fire, with the host's clock as witness.

`load` is the clients, `bursts` keeps Envoy's workers busy, `flips` changes the route and
collects claims "drained since …", `witness` holds them against the host's own log.
"""
