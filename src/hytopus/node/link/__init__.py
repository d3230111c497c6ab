"""The node's end of the link to its Brain: joining, dialling, reporting, and doing as it is told."""
