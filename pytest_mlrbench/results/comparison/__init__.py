"""Two runs side by side: paired by task and epoch, with intervals; `mlrbench compare` and the gate use it."""
