"""The statistics of the planned tests, as the executor of plans calls them: rate, contrast and shift."""

from .contrast import ClusterTable, ContrastEstimate, contrast_eligibility, estimate_contrast
from .intervals import at_level
from .rate import RateEstimate, estimate_rate, material_share, rate_eligibility
from .shift import ShiftEstimate, estimate_shift, shift_eligibility

__all__ = [
    "ClusterTable",
    "ContrastEstimate",
    "RateEstimate",
    "ShiftEstimate",
    "at_level",
    "contrast_eligibility",
    "estimate_contrast",
    "estimate_rate",
    "estimate_shift",
    "material_share",
    "rate_eligibility",
    "shift_eligibility",
]
