"""Episodes as plain objects, one per line of the knobs table."""

from types import SimpleNamespace

from data import Episodes


def lines(episodes: Episodes) -> list[SimpleNamespace]:
    """``line.needle_start`` and so on, with ``line.tokens`` and ``line.labels`` of the same episode."""
    records = episodes.knobs.to_dict("records")
    return [
        SimpleNamespace(**{str(name): value for name, value in record.items()}, tokens=tokens, labels=labels)
        for record, tokens, labels in zip(records, episodes.tokens, episodes.labels, strict=True)
    ]
