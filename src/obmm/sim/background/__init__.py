"""The living background: agents and exogenous processes that trade beside the miners."""
