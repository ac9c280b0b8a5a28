"""The servers that are measured side by side. Each is one small file; a further one is added to `ALL`.

| file | its one concern |
|---|---|
| `peer.py` | what a measurement needs to know of a server |
| `bare.py` | the kernel's own price: a bare send loop in C |
| `ours.py` | this edge |
| `usual.py` | the usual Quart edge, on uvicorn and on Hypercorn |
| `usual_app.py` | its application: a queue and a generator for each viewer |
| `nchan.py` | nchan, a module of nginx in C |
| `centrifugo.py` | Centrifugo, over `uni_sse` |
| `mercure.py` | the Mercure hub |
| `gateway.py` | HAProxy before this edge: what it adds to a write |
"""

from __future__ import annotations

from typing import Final

from bench.fanout.peers.bare import Bare
from bench.fanout.peers.centrifugo import Centrifugo
from bench.fanout.peers.mercure import Mercure
from bench.fanout.peers.nchan import Nchan
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.peer import Peer
from bench.fanout.peers.usual import UsualHypercorn, UsualUvicorn

QUICK_WITHOUT: Final = (UsualHypercorn,)  # --quick measures the usual edge on one server alone

ALL: Final[tuple[type[Peer], ...]] = (Bare, Ours, UsualUvicorn, UsualHypercorn, Nchan, Centrifugo, Mercure)
