"""From text to tokens: tokenizer, labels, corpora and where their documents come from."""
