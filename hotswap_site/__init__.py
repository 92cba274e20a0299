"""The Django project: settings, doors, and the embedded parts."""
# Whoever uses Django can send a task: the application must exist before the first one.
