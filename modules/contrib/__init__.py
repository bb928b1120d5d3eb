"""Spyce modules that 2.1 brought along as contributions. A site's own file of the same name comes first."""
