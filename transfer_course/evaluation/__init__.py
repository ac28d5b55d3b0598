"""Measuring a trained network: predictions, comparisons over many draws, drift."""
