"""Plain language by rules: a few ways of saying what the commands do. What fits none isn't guessed at; a model may know it."""

import re
from collections.abc import Callable, Sequence

from .commands import ISSUE_ACTIONS, Command

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
SEVERITIES = "low|medium|high|critical"

HYPOTHESIS = r"(?P<h>h\s?[0-9a-f]+)\b"
ISSUE = r"(?P<i>i[\s-]?[0-9][0-9a-f-]*)"
DROP = r"(?:drop|ignore|forget|skip|abandon|discard|reject|give up(?: on)?|don't test|do not test)"
BECAUSE = r"(?:(?:,|:|;)?\s*(?:because|since|as|for|:)?\s*(?P<why>.*))"

_Make = Callable[[re.Match[str]], Command]


def _of_hypothesis(name: str) -> _Make:
    return lambda found: Command(name, f"{_handle(found['h'])} {(found.groupdict().get('why') or '').strip()}".strip())


def _of_issue(action: str) -> _Make:
    return lambda found: Command(
        "issue", f"{_handle(found['i'])} {action} {(found.groupdict().get('why') or '').strip()}".strip()
    )


def _fixed(name: str, words: str = "") -> _Make:
    return lambda _: Command(name, words)


def _said(name: str) -> _Make:
    return lambda found: Command(name, found["said"].strip(" .\"'"))


_RULES: tuple[tuple[str, _Make], ...] = (
    (r"(?:please )?(?:stop|pause|halt|wait)(?: (?:it|now|here|please|the analysis))*", _fixed("pause")),
    (r"(?:resume|continue|go on|carry on|proceed|keep going)(?: (?:now|please|it))*", _fixed("resume")),
    (r"(?:quit|exit|bye|goodbye|leave|good night)", _fixed("quit")),
    (r"(?:help|what can (?:i|you) (?:do|say)|commands)", _fixed("help")),
    (rf"{DROP} (?:hypothesis )?{HYPOTHESIS}{BECAUSE}", _of_hypothesis("drop")),
    (rf"{HYPOTHESIS} (?:is|was) (?:of no interest|not interesting|irrelevant|not relevant)(?P<why>)", _of_hypothesis("drop")),
    (
        rf"(?:set |make )?{ISSUE}(?:'s severity)? (?:is|to|as|should be|severity)(?: severity)? (?P<level>{SEVERITIES})",
        lambda found: Command("issue", f"{_handle(found['i'])} severity {found['level']}"),
    ),
    (
        rf"(?:set )?(?:the )?severity of {ISSUE} (?:is|to|should be) (?P<level>{SEVERITIES})",
        lambda found: Command("issue", f"{_handle(found['i'])} severity {found['level']}"),
    ),
    (rf"(?:reject|dismiss) (?:issue )?{ISSUE}{BECAUSE}", _of_issue(ISSUE_ACTIONS[0])),
    (
        rf"{ISSUE} (?:is|isn't|is not) (?:not )?(?:a problem|an issue|wrong|by design|intended){BECAUSE}",
        _of_issue(ISSUE_ACTIONS[0]),
    ),
    (rf"(?:resolve|close) (?:issue )?{ISSUE}{BECAUSE}", _of_issue(ISSUE_ACTIONS[1])),
    (rf"{ISSUE} is (?:resolved|fixed|solved|done){BECAUSE}", _of_issue(ISSUE_ACTIONS[1])),
    (rf"re-?open (?:issue )?{ISSUE}{BECAUSE}", _of_issue(ISSUE_ACTIONS[2])),
    (
        r"(?:show|list|see|give)?(?: me)?(?: all)?(?: the)? ?(?:hypothes[ie]s|plans?)(?: (?:so far|now))?",
        _fixed("show", "hypotheses"),
    ),
    (
        r"(?:show|list|see|give)?(?: me)?(?: all)?(?: the)? ?(?:issues|problems|findings)(?: (?:so far|now|found))?",
        _fixed("show", "issues"),
    ),
    (r"what(?:'s| is| was| went)? ?(?:did you find|have you found|wrong|found)(?: so far)?", _fixed("show", "issues")),
    (r"(?:show|list|see|give)?(?: me)?(?: the)? ?(?:census|counts|figures)", _fixed("show", "census")),
    (
        r"(?:show|what is|how much)?(?: me)?(?: the)? ?(?:spend|spent|cost|costs|budget|did (?:it|this|that) cost)",
        _fixed("show", "spend"),
    ),
    (r"(?:show |open |see |look at )?(?:me )?(?:the )?(?:trace )?(?P<said>tr-[\w-]+)", _said("trace")),
    (
        r"(?:write|save|make)(?: me)?(?: the| a)? ?report(?: again| now)?(?: (?:to|in|as|into) (?P<said>\S+))?",
        lambda found: Command("report", (found["said"] or "").strip()),
    ),
    (r"(?P<said>(?:select|with)\b.*\bfrom\b.*)", _said("sql")),
    (r"(?:please )?(?:focus|concentrate) on (?P<said>.+)", _said("focus")),
    (
        r"(?:please )?(?:add(?: an?)?(?: new)?(?: hypothesis)?|test (?:whether|if|that)|check (?:whether|if|that)"
        r"|i suspect(?: that)?|find out (?:whether|if)|hypothesis:?)[:,]? (?P<said>.+)",
        _said("add"),
    ),
)
_LOOSE: tuple[tuple[str, _Make], ...] = (
    (
        r"(?:why|how|explain|tell me (?:more )?about|what about|what is|what's|show(?: me)?|describe|details? (?:of|on)|look at)"
        rf"\b.{{0,40}}?\b{HYPOTHESIS}.*",
        lambda found: Command("why", _handle(found["h"])),
    ),
    (
        rf"(?:show|describe|explain|what is|what's|tell me about|why|look at)\b.{{0,30}}?\b{ISSUE}\b.*",
        lambda found: Command("issue", _handle(found["i"])),
    ),
    (r"(?:please )?look (?:at|for) (?P<said>.+)", _said("focus")),
    (r"(?:i (?:think|believe|guess)(?: that)?|could it be that|maybe)[:,]? (?P<said>.+)", _said("add")),
)
"""What is about more sentences than those that mean it: taken only where no model is there to read them."""


def _compiled(rules: Sequence[tuple[str, _Make]]) -> tuple[tuple[re.Pattern[str], _Make], ...]:
    return tuple((re.compile(rf"\s*(?:{pattern})\s*[.!?]*\s*", re.IGNORECASE | re.DOTALL), make) for pattern, make in rules)


_SURE, _ALL = _compiled(_RULES), _compiled((*_RULES, *_LOOSE))


def understand(text: str, *, loosely: bool = True) -> Command | None:
    """The command that a sentence means; None where no rule is about it.

    Args:
        text: The sentence.
        loosely: Whether rules are taken too that are about more than they should be.
    """
    said = _with_handles(text.strip())
    for pattern, make in _ALL if loosely else _SURE:
        if found := pattern.fullmatch(said):
            command = make(found)
            return Command(
                command.name, " ".join(command.words.split()) if command.name not in {"sql", "add", "focus"} else command.words
            )
    return None


def handles_in(text: str) -> list[str]:
    """The hypotheses and issues that a sentence names."""
    return [f"{found[1].upper()}{found[2]}" for found in re.finditer(r"\b([HI])(\d+)\b", _with_handles(text), re.IGNORECASE)]


def _with_handles(text: str) -> str:
    """`the third one` as H3, `issue 2` as I2, `hypothesis 4` as H4."""
    for place, word in enumerate(ORDINALS, start=1):
        text = re.sub(rf"\b(?:the )?{word} issue\b", f"I{place}", text, flags=re.IGNORECASE)
        text = re.sub(rf"\b(?:the )?{word}(?: one| hypothesis)\b", f"H{place}", text, flags=re.IGNORECASE)
    text = re.sub(r"\bissue (?:number |no\.? ?|#)?(\d+)\b", r"I\1", text, flags=re.IGNORECASE)
    return re.sub(r"\b(?:hypothesis|number|no\.|#) ?(\d+)\b", r"H\1", text, flags=re.IGNORECASE)


def _handle(text: str) -> str:
    return re.sub(r"\s", "", text)
