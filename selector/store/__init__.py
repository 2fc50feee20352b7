"""What was measured, kept: one database, SQLite unless told otherwise.

::

    with Store("sqlite:///selector.db") as store:
        run_id = store.begin_run(profile, plan, excluded, strategy="exhaustive")
        store.add(measurement)
        store.finish_run(run_id, "finished", certificate, timing)
        known = store.latest(identities)

Raw observations are kept and metrics derived when they are read. Every call that writes is one transaction, on
disk when the call returns; a failure is a row like any other.
"""

from selector.store.records import CHECK, RunEnd, RunRecord, RunStatus
from selector.store.store import DEFAULT_URL, Store

__all__ = ["CHECK", "DEFAULT_URL", "RunEnd", "RunRecord", "RunStatus", "Store"]
