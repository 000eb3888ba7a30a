"""Policies and orders."""
