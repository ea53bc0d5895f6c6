"""A stand-in for a validator: it asks agents over HTTP as the subnet does, and judges what they answer.

It knows no market: whoever has states to tell (`obmm serve-market` has the embedded market's) hands them to a
`Desk`, which asks every agent at once and gives back instructions that passed the gates.
"""

from obmm.live.validator.desk import Answered, Desk
from obmm.live.validator.doors import AxonDoor, Door, DoorError, HarnessDoor, Said
from obmm.live.validator.gate import Gate
from obmm.live.validator.keys import Signer

__all__ = ["Answered", "AxonDoor", "Desk", "Door", "DoorError", "Gate", "HarnessDoor", "Said", "Signer"]
