"""Redeems and requests against real servers while things around them break; see FAULTS.md."""
