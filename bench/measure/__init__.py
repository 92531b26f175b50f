"""Compares the node with its peers; see bench/run."""
