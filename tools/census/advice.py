"""What to do about a failure, by what its message says."""

import re
from collections.abc import Iterable

ADVICE = (
    (
        r"\block(ed)?\b|conflict|\b409\b|\bbusy\b|concurrent",
        "Retry {what} after a pause when something else holds what it needs, and tell the user when that doesn't help.",
    ),
    (
        r"time[d]?[ -]?out|deadline",
        "Find what {what} waits for; give it a shorter timeout and a retry with back-off, and tell the user when it gives up.",
    ),
    (
        r"rate.?limit|\b429\b|quota|too many requests|overloaded",
        "Queue or slow down the calls of {what}, retry with back-off, and raise the limit with its provider.",
    ),
    (
        r"\b40[13]\b|unauthor|forbidden|permission|access denied|credential|api.?key|token (has )?expired",
        "Check the credentials and rights that {what} runs with, and alert when they expire.",
    ),
    (
        r"context.?length|maximum context|context window|too many tokens|too long",
        "Shorten what is sent to {what}: cut or summarise the history and large tool outputs before the call.",
    ),
    (
        r"valid|missing|required|argument|parameter|schema|typeerror|keyerror|must be|expected",
        "State the arguments of {what} more exactly in its description, check them before the call, and say which is wrong.",
    ),
    (
        r"not found|no such|does not exist|doesn't exist|unknown|404|no results",
        "Let the agent look up or ask for what {what} needs before it calls; name in its description what exists.",
    ),
    (
        r"json|pars(e|ing)|decod(e|ing)|unexpected (token|character)|malformed",
        "Make the output that {what} reads machine-readable (a schema, a strict format), and ask again where it isn't.",
    ),
    (
        r"connect|unreachable|refused|network|dns|\b50[0234]\b|unavailable|reset by peer|internal server error",
        "Retry the calls of {what} with back-off, watch the availability of what it calls, and have a fallback.",
    ),
    (
        r"not enough|insufficient|exceed|limit|full|sold out|cannot|can't|not allowed|already",
        "Tell the agent the rule that {what} enforces, so that it checks it before the call and explains it to the user.",
    ),
)
"""Pattern -> advice; the first that matches."""
OTHERWISE = "Call {what} again with the inputs of the named traces, and fix or handle what it raises."
SHOW_FAILURES = "End the span with status ERROR where a tool returns an error, so that monitoring sees it."

EMPTY_WORDS = """
    an and call called code error errors exception fail failed failure has internal is message no none null occurred of server
    something status the tool unknown was went with wrong
    """


def advise(messages: Iterable[str], what: str) -> str:
    """One concrete step against a failure of `what`, by the first message that says enough."""
    for message in messages:
        for pattern, advice in ADVICE:
            if re.search(pattern, message, re.IGNORECASE):
                return advice.format(what=what)
    return OTHERWISE.format(what=what)


def names_mechanism(message: str) -> bool:
    """Whether a message says what went wrong, not only that something did."""
    return not set(re.findall(r"[^\W\d_]{2,}", message.lower())) <= set(EMPTY_WORDS.split())
