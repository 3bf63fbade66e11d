"""Random problems for every public operation, drawn from a seed and compared with the oracle.

``PYTHONPATH=tests python -m fuzz --count 1000 --seed 7`` checks the problems of seeds 7 to 1006.
"""
