"""What moving blobs and asking questions costs: this project, others, and what the machine can do at all."""
