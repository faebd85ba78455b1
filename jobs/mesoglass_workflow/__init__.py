"""Chains the mesoglass programs: workflow files, what is complete, running here or under Slurm."""
