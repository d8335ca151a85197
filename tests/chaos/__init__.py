"""Kills everything at random moments, pulls the plug too, and counts what was lost or doubled."""
