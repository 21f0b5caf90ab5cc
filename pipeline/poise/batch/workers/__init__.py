"""Many recordings at once: worker processes, pools of them, Dask clusters."""
