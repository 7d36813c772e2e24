"""Names of what is compared: an architecture, with a remark where it was trained in an unusual way."""


def architecture_name(model: str, d_state: float | None = None) -> str:
    """One spelling for measured and published runs: "transformer", "SISA d_state=16", "mamba2"."""
    return f"SISA d_state={int(d_state or 0)}" if model.lower() == "sisa" else model


def variant_name(architecture: str, *, d_state: int, rope: str = "rope", lr_lam: float = 0.1) -> str:
    """What is compared: the architecture, with a remark where position code or λ's learning rate are unusual.

    "transformer, no RoPE", "SISA d_state=16, λ lr ×1"; lr_lam is a multiple of the learning rate.
    """
    parts = [architecture_name(architecture, d_state)]
    parts += ["no RoPE"] * (architecture == "transformer" and rope == "none")
    return ", ".join(parts + [f"λ lr ×{lr_lam:g}"] * (lr_lam != 0.1))
