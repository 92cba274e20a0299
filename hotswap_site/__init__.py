"""The Django project: settings, doors, and the embedded parts."""
