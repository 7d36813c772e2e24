"""Read and write files of weights: this project's own and the paper's."""
