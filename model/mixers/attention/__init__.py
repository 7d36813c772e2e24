"""Mixers that attend: softmax, SISA and its variants, decay biases."""
