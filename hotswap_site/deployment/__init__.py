"""What an installation for real is started by."""
