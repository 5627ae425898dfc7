"""What is kept on disk, and read back with distrust: recordings and their analyses, models, runs, the workspace."""
