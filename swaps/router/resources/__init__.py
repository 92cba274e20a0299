"""Desired state as Envoy's configuration: pure, one file a kind of resource."""
