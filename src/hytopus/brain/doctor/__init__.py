"""Known problems of a network, each with its remedy: `gather.py` looks, `checks/` judges."""
