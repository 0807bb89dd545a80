"""Events: batches, lanes and positions (DESIGN §3).

A service tells inside a transaction (`EventLog.transaction`, `Tx.tell`) and hears through a `Handler`. Effects of a
transaction and its event batch carry the same `now()`: a row whose time column defaults to now() finds the events
that were told with it by `EventLog.find_told`.
"""

from lobby_common.events.consumer import Handler, Incoming, Witness
from lobby_common.events.lanes import LANES, lane_of
from lobby_common.events.log import EventLog, Tx

__all__ = ["LANES", "EventLog", "Handler", "Incoming", "Tx", "Witness", "lane_of"]
