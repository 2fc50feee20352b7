"""From a requirement profile and evidence to a decision. Pure: no I/O, no torch, no store.

`decide` judges every considered candidate, ranks those that meet every requirement, names ties, and tells for
the others why they are not among them and which limit would have to give. The same profile and evidence give the
same decision, whatever the order of the rows. Whoever decides many profiles on one evidence, as sliders do, keeps a
`Decider`.

* `assessing` places one candidate: its status, its judged requirements, its reasons.
* `ranking` orders feasible candidates and says who is tied with whom; the exact definition stands there.
* `relaxing` finds the nearest misses and the limits that would admit them.
* `sensitivity` says how far limits and weights may move, `admitting` what the lists of licences and pretraining data
  and the number of weights keep out.
* `reasons`, `headline` and `notes` put it into sentences with numbers.
"""

from selector.decision.deciding import Decider, decide
from selector.decision.records import Assessment, Decision, Miss, Status

__all__ = ["Assessment", "Decider", "Decision", "Miss", "Status", "decide"]
