// anywidget waits two seconds for a widget's module. On a page that is busy for longer it gives the widget up: it is
// shown and its changes reach Python, but every message from Python is dropped from then on.

const NOTHING = { content: { data: { method: "nothing" } } }; // the widget model ignores it, unless it was given up

/** If the widget was given up, lets it hear Python again and asks for the state that it missed. */
export async function hearAgain(model) {
  const widget = await model.widget_manager.get_model(model.get("comm_id"));
  if (!widget.comm) return; // a saved page, without a kernel
  const givenUp = await widget._handle_comm_msg(NOTHING).then(() => false, () => true);
  if (!givenUp) return;
  const { _handle_comm_msg: handle } = Object.getPrototypeOf(Object.getPrototypeOf(widget));
  widget.comm.on_msg(handle.bind(widget));
  widget.comm.send({ method: "request_state" }, widget.callbacks());
}
