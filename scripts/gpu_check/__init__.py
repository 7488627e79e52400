"""What `scripts/gpu-check.sh` does: builds artifacts where the compiler is, checks and times them where a GPU is."""
