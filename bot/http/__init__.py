"""The doors: one file each. They turn requests into messages and errors into answers, nothing else."""
