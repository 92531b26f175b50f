"""Jackfield's host for Python: runs components, authenticators, and the path services that are Python."""
