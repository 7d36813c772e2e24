"""How everything looks: colours, escaped text, axis labels, empty figures."""
