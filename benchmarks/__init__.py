"""The suite that asv runs on every commit; README.md says how."""
