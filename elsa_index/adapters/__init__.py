"""Recommender in the places of other libraries' models: one module for each library."""
