"""What an answer says besides its matter: words of doubt, an apology. DuckDB and Spark read the patterns alike."""

HEDGING = (
    r"(?i)\b(not (entirely |completely |quite |really |100% )?(sure|certain)|unsure|uncertain|(can ?not|can't|could not|couldn't|"
    r"unable to) (confirm|verify|guarantee|say for (sure|certain))|don't (really )?know|do not (really )?know|hard to say|"
    r"I (think|believe|guess|assume|suspect)|might (not )?be|(probably|possibly|perhaps|maybe|presumably))\b"
)
APOLOGY = r"(?i)\b(sorry|apologi[sz](e|es|ing)|apolog(y|ies)|regret(s|fully|tably)?)\b"
VISIBLE = r"\S"
"""In every answer in which anything is to be read."""
