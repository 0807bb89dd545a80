"""Protos in, use-cases, protos out."""
