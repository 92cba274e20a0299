"""How Hotswap speaks to inference servers: one file a kind, all alike.

    contract.py        what every adapter promises, in our words
    errors.py          what can go wrong, in our words
    registry.py        kind → adapter, and the connections they share
    transport.py       one bounded HTTP exchange, its failures translated
    bundled.py         the host that comes with Hotswap (`swaps.bundled_host`)
    sample_request.py  a valid infer body made from a model's metadata (pure)

An adapter translates; it neither decides nor retries. A new kind is one more file
here, an entry in the registry, and the conformance suite run against a real server.
"""
