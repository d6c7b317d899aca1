"""The section of the settings file about experiments: who gets no marketing at all, to compare."""

from typing import Annotated

import msgspec

from sekvens.flows.validate_experiments import HOLDOUT_MAX

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class ExperimentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The holdout of everything."""

    #: the share of contacts who get no marketing from any flow: 0.05 is one in twenty; 0: nobody
    holdout: Annotated[float, msgspec.Meta(ge=0, le=HOLDOUT_MAX)] = 0.0
    #: what contacts order counts for so many days (shop time) after they were drawn
    holdout_days: AtLeastOne = 90
