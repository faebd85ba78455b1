"""Figures, tables and one page from mesoglass result files."""
