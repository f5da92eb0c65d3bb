"""The planted faults of the `faulty` variant: how often, where, and what the truth says about each."""

from ..faults import READ, Fault, Finding, Story, Test
from ..traffic import RUSH_HOURS, RUSH_START, VERSIONS
from . import failing
from .lookalikes import has_room
from .roles import CastFault, Role

SHORT_REQUEST = 80
"""Characters up to which a request counts as short."""

SLOW_VERSION, SLOWDOWN = VERSIONS[2], 1.8
"""The version whose calls of the model take longer, and how much longer."""
DISLIKED_TOOL, DISLIKED_LOCALE = "quote_price", "de-CH"
"""The segment in which the thumbs go down: its prices are in the wrong currency."""


def uses(*tools: str) -> Test:
    """Turns that call one of these tools."""
    return lambda story: any(call.tool in tools for call in story.turn.calls())


def every(story: Story) -> bool:
    """All turns."""
    return True


def claims_action(story: Story) -> bool:
    """Turns that call a tool which acts, or should have."""
    return story.slot.role == "action_never_called" or uses("cancel_booking", "update_booking", "issue_refund", "send_email")(
        story
    )


def in_segment(story: Story) -> bool:
    """Turns with an answer that quote a price to the customers of the disliked locale."""
    return story.slot.user.locale == DISLIKED_LOCALE and story.turn.answer is not None and bool(story.turn.calls(DISLIKED_TOOL))


def rated_in_segment(story: Story) -> bool:
    """Turns of the segment that the customer rated."""
    return story.feedback is not None and in_segment(story)


def books_in_second_version(story: Story) -> bool:
    """Turns of the version that writes wrong arguments, where it books."""
    return story.slot.version == VERSIONS[1] and bool(story.turn.calls("create_booking"))


CAST_FAULTS = (
    CastFault(
        *("swallowed_tool_error", "Failed writes are reported as done"),
        kind="quality",
        category="silent tool failure",
        cause="The tools return their error as an output with status OK, and the model takes it for a success.",
        finding=Finding("rate", "swallowed_tool_errors", 0.01),
        claims_done=True,
        population=uses("send_email", "update_booking", "create_booking"),
        population_title="traces that call send_email, update_booking or create_booking",
        shows_in="steps",
        role=Role("swallowed_tool_error", 0.05, failing.swallowed_tool_error),
    ),
    CastFault(
        *("tool_timeouts", "check_availability times out after 30 seconds"),
        kind="operational",
        category="tool failure",
        cause="inventory-api doesn't answer within the 30 s that the tool waits.",
        finding=Finding("fact", threshold=0.05, tool="check_availability"),
        population=uses("check_availability"),
        population_title="traces that call check_availability",
        shows_in="steps",
        segment=(("tool", "check_availability"),),
        role=Role("tool_timeouts", 0.05, failing.tool_timeout),
    ),
    CastFault(
        *("identical_tool_calls", "search_catalog is called again and again with the same arguments"),
        kind="operational",
        category="loop",
        cause="The model doesn't see that it has the result already.",
        finding=Finding("rate", "repeated_tool_calls", 0.02),
        population=uses("search_catalog"),
        population_title="traces that call search_catalog",
        shows_in="steps",
        segment=(("tool", "search_catalog"),),
        role=Role("identical_tool_calls", 0.04, failing.identical_tool_calls),
    ),
    CastFault(
        *("rate_limit_burst", "Model calls are refused with 429 in the rush after the newsletter"),
        kind="operational",
        category="rate limit",
        cause="The tokens a minute that the provider allows are used up, and retries make it worse.",
        finding=Finding("count", "rate_limit_bursts", 3),
        population=lambda story: story.slot.rush,
        population_title="traces of the rush",
        shows_in="steps",
        segment=(("time", f"{RUSH_START:%Y-%m-%d %H:%M} and {RUSH_HOURS} hours after"),),
        role=Role("rate_limit_burst", 0.04, failing.rate_limited, where=lambda slot: slot.rush),
    ),
    CastFault(
        *("provider_message_as_answer", "Messages of the model provider are returned as the answer"),
        kind="quality",
        category="provider message",
        cause="The gateway returns quota and overload messages as ordinary content.",
        finding=Finding("count", "provider_messages_as_answers", 3),
        population=every,
        population_title="all traces",
        shows_in="answer",
        role=Role("provider_message_as_answer", 0.035, failing.provider_message),
    ),
    CastFault(
        *("empty_answer", "Empty answers"),
        kind="quality",
        category="empty answer",
        cause="The last call of the model returns no content, and nothing checks it.",
        finding=Finding("rate", "empty_answers", 0.01),
        population=every,
        population_title="all traces",
        shows_in="answer",
        role=Role("empty_answer", 0.03, failing.empty_answer),
    ),
    CastFault(
        *("cut_off_answer", "Answers in the widget are cut off in the middle of a word"),
        kind="quality",
        category="cut-off answer",
        cause=f"The widget allows {failing.WIDGET_TOKENS} tokens; longer answers end with finish_reason length.",
        finding=Finding("rate", "cut_off_answers", 0.01),
        population=lambda story: story.slot.channel == "widget",
        population_title="traces of the widget",
        shows_in="answer",
        segment=(("channel", "widget"),),
        role=Role("cut_off_answer", 0.035, failing.cut_off_answer, where=lambda slot: slot.channel == "widget"),
    ),
    CastFault(
        *("invalid_tool_arguments", f"create_booking refuses arguments since version {VERSIONS[1]}"),
        kind="operational",
        category="invalid arguments",
        cause=f"The prompt of {VERSIONS[1]} no longer names the date format; the model corrects itself in a second call.",
        finding=Finding("rate", "invalid_tool_arguments", 0.02),
        population=books_in_second_version,
        population_title=f"traces of version {VERSIONS[1]} that call create_booking",
        shows_in="steps",
        segment=(("tool", "create_booking"), ("version", VERSIONS[1])),
        role=Role("invalid_tool_arguments", 0.04, failing.invalid_arguments, where=lambda slot: slot.version == VERSIONS[1]),
    ),
    CastFault(
        *("action_never_called", "Actions are claimed that no tool carried out"),
        kind="quality",
        category="claimed action",
        cause="The model answers from the booking it read, without calling the tool that acts.",
        finding=Finding("count", "claimed_but_never_done", 3),
        claims_done=True,
        population=claims_action,
        population_title="traces that claim a cancellation, change, refund or mail",
        role=Role("action_never_called", 0.045, failing.action_never_called),
    ),
    CastFault(
        *("unhelpful_repeat", "Customers repeat their request because the answer did not help"),
        kind="quality",
        category="repeated request",
        cause="The turn before answers evasively, without calling a tool.",
        finding=Finding("rate", "users_repeat_themselves", 0.02),
        population=lambda story: story.slot.position > 0,
        population_title="traces after the first of their session",
        support_title="the turns before, which did not help",
        role=Role("unhelpful_repeat", 0.035, failing.asks_again, shape="pair", lead=failing.unhelpful),
    ),
    CastFault(
        *("same_request_fails", "The same request fails for some users and works for others"),
        kind="operational",
        category="inconsistent outcome",
        cause="A shard of the policy index isn't loaded on some of the machines.",
        finding=Finding("fact", threshold=0.05, tool="lookup_policy"),
        population=lambda story: story.slot.role == "same_request_fails",
        population_title="traces of the requests that several users made in the same words and that failed for some",
        shows_in="steps",
        support_title="the same requests where they worked",
        role=Role("same_request_fails", 0.025, failing.sibling_fails, shape="group", lead=failing.sibling),
    ),
    CastFault(
        *("same_request_other_answer", "The same request gets opposite answers"),
        kind="quality",
        category="inconsistent outcome",
        cause="The rules that were retrieved don't settle the question, and the model guesses.",
        finding=READ,
        population=lambda story: story.slot.role == "same_request_other_answer",
        population_title="traces of the requests that several users made in the same words with opposite answers",
        support_title="the same requests with the usual answer",
        role=Role("same_request_other_answer", 0.025, failing.sibling_differs, shape="group", lead=failing.sibling),
    ),
    CastFault(
        *("exposed_error", "Exceptions and stack traces are shown to customers"),
        kind="quality",
        category="exposed error",
        cause="The template of the answer raises, and the exception's text is sent in its place.",
        finding=Finding("count", "errors_shown_to_users", 3),
        population=every,
        population_title="all traces",
        shows_in="answer",
        role=Role("exposed_error", 0.035, failing.exposed_error),
    ),
    CastFault(
        *("verbose_answer", "Short questions get answers of thousands of characters"),
        kind="quality",
        category="verbosity",
        cause="The model pads a fact of one sentence with general remarks.",
        finding=Finding("rate", "overlong_answers", 0.05, of_all=False),
        population=lambda story: len(story.turn.request) <= SHORT_REQUEST,
        population_title=f"traces whose request has at most {SHORT_REQUEST} characters",
        shows_in="answer",
        role=Role("verbose_answer", 0.045, failing.verbose_answer, where=has_room),
    ),
)

SLOW = Fault(
    *("slow_version", f"Version {SLOW_VERSION} waits {SLOWDOWN} times as long for the model"),
    kind="operational",
    category="latency regression",
    cause=f"Calls of the model take {SLOWDOWN} times as long in {SLOW_VERSION}; tools are as fast as before.",
    finding=Finding("shift", "slower_since_latest_version", 1.25),
    population=lambda story: story.slot.version == SLOW_VERSION,
    population_title=f"traces of version {SLOW_VERSION}",
    segment=(("version", SLOW_VERSION),),
)
DISLIKED = Fault(
    *("disliked_segment", f"Thumbs go down where prices are quoted to {DISLIKED_LOCALE}"),
    kind="quality",
    category="negative feedback",
    cause="quote_price returns euros for customers who pay in Swiss francs.",
    finding=Finding("slices", threshold=2.0, outcome="feedback"),
    population=rated_in_segment,
    population_title=f"traces with feedback that quote a price to {DISLIKED_LOCALE}",
    segment=(("locale", DISLIKED_LOCALE), ("tool", DISLIKED_TOOL)),
    support_title="the other traces of the segment",
)
FAULTS = (*CAST_FAULTS, SLOW, DISLIKED)
