"""Seeds past one machine: ranges of seeds as tasks on a Dask cluster, ``python -m lockproof.sweep --help``.

It comes with ``pip install "lockproof[sweep]"``; a cluster's workers need the very same wheel. How it is done, and what it
costs, stands in ``docs/sweeps.md`` of the repository.
"""
