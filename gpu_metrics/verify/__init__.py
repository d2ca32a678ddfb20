"""Whether a team's code gives what the team handed in: two runs of one submission compared."""
