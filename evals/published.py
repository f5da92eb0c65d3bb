"""The generated parts of evals/README.md: each stands between two markers, and is replaced whole by what measured it."""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "README.md"


def publish(name: str, text: str, *, page: Path = PAGE) -> None:
    """Puts a text between the markers of its part, `<!-- NAME -->` and `<!-- end of NAME -->`.

    Raises:
        ValueError: the page has no such part.
    """
    markers = f"<!-- {name} -->", f"<!-- end of {name} -->"
    whole = page.read_text(encoding="utf-8")
    part = re.compile(f"{re.escape(markers[0])}.*?{re.escape(markers[1])}", re.DOTALL)
    if not part.search(whole):
        raise ValueError(f"{page} has no part between {markers[0]} and {markers[1]}")
    page.write_text(part.sub(lambda _: f"{markers[0]}\n\n{text.strip()}\n\n{markers[1]}", whole), encoding="utf-8")
