"""Who talks to the agents: invented people with the names of several languages."""

import unicodedata
from typing import NamedTuple

FIRST_NAMES = (
    *(
        "Zoë",
        "Jürg",
        "Siân",
        "Łukasz",
        "Chloé",
        "Øyvind",
        "Ayşe",
        "Matteo",
        "Noémie",
        "Håkon",
        "Beatriz",
        "Tomáš",
        "Greta",
        "Iain",
    ),
    *(
        "Lucía",
        "Réka",
        "Séverine",
        "Urs",
        "Ilaria",
        "Fionn",
        "Annelies",
        "Duc",
        "Priya",
        "Kwame",
        "Mireille",
        "Björn",
        "Elif",
        "Rowan",
    ),
    *("Giulia", "Aoife", "Stéphane", "Vreni", "Domenico", "Hana", "Olivier", "Katarzyna", "Ewan", "Mei", "Raphaël", "Ingrid"),
)
LAST_NAMES = (
    *("Ångström", "Bühler", "O'Dowd", "Nguyễn", "Caflisch", "Marchetti", "Lefèvre", "Kowalczyk", "MacAulay", "Özdemir", "Stucki"),
    *(
        "Halvorsen",
        "Dvořák",
        "Okafor",
        "Pellegrini",
        "Zürcher",
        "Bonvin",
        "Thwaite",
        "Iyer",
        "Szabó",
        "Gauthier",
        "Ferrari",
        "Brändli",
    ),
    *(
        "Ó Briain",
        "Schläpfer",
        "Moreau",
        "Sandoz",
        "Whitlock",
        "Costa",
        "Rüegg",
        "Tanaka",
        "Vasseur",
        "Quirke",
        "Lindqvist",
        "Amrein",
    ),
)

LOCALES = {"de-CH": 0.36, "en-GB": 0.29, "fr-FR": 0.2, "it-IT": 0.15}
"""Where users write from, and how many of them do."""

CHANNELS = {"web": 0.5, "widget": 0.28, "app": 0.22}


class User(NamedTuple):
    """One customer."""

    user_id: str
    first: str
    last: str
    locale: str

    @property
    def email(self) -> str:
        """An address at a reserved domain."""
        plain = unicodedata.normalize("NFKD", f"{self.first}.{self.last}".lower())
        return "".join(letter for letter in plain if letter.isascii() and letter not in " '") + "@example.org"
