"""Keep nbclient from standing still after a cell that prints into an ``ipywidgets.Output``.

nbclient answers such a widget on the shell socket while it also waits for the cell's reply there. The send
consumes the socket's readiness event, so that a reply which has already arrived is never noticed
(jupyter/nbclient issue 312). Asking the socket once more, after each such send, ends the wait.
"""

from functools import wraps
from typing import Any

from nbclient.output_widget import OutputWidget


def apply() -> None:
    """Patch nbclient in this process; a second call changes nothing."""
    original = OutputWidget._publish_msg
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def publish_then_look_again(self: OutputWidget, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        look_again = getattr(self.kernel_client.shell_channel.socket, "_schedule_remaining_events", None)
        if look_again is not None:
            look_again()

    OutputWidget._publish_msg = publish_then_look_again
