"""Where measuring happens. One engine so far: this machine.

* `run` has what a run is told and tells, without any import that weighs.
* `local` measures one candidate after the other on this machine, `server` holds the process that children fork from.
* `campaign` is the loop of strategy, engine and store.
"""
