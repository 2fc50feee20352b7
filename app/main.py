r"""The dashboard: widgets and layout only; what they show is computed in `selector`.

Run it with ``selector dashboard``, or by hand::

    streamlit run app/main.py --server.address 127.0.0.1 --server.headless true \
        --browser.gatherUsageStats false --server.fileWatcherType none --client.toolbarMode viewer \
        --theme.light.primaryColor "#1B87C9" --theme.dark.primaryColor "#1B87C9" --server.maxUploadSize 1 \
        -- --store sqlite:///selector.db

The store is that after ``--``, else that of the environment variable SELECTOR_STORE, else ``selector.db`` in the
working folder. It is opened for reading only, and nothing is fetched from any network.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = str(Path(__file__).resolve().parent)
if _HERE not in sys.path:
    sys.path.insert(0, _HERE)

from dashboard import frame  # noqa: E402

frame.show()
