"""For each entry of the playbook: traces that it must flag, traces that it must not, and look-alikes of the fault."""

from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace

LOOKUP = TinySpan("get_order", inputs={"id": 1}, outputs={"status": "on its way"})
FAILS = TinySpan("get_order", inputs={"id": 1}, silent="Error: order service is down")
NOT_FOUND = TinySpan("get_order", inputs={"id": 9}, error="order 9 not found")
TIMEOUT = TinySpan("get_order", inputs={"id": 1}, error="TimeoutError: timed out after 30 s")
HANDOVER = TinySpan("transfer_to_human_agents", inputs={"summary": "x"}, outputs="ok")
CANCEL = TinySpan("cancel_order", inputs={"id": 1}, outputs={"done": True})
LONG = "The shop has many articles on many shelves. " * 60


def chat(said: str, answer: str | None = None, *, before: int = 0, system: str = "") -> TinySpan:
    """An LLM call whose last message is the user's; `before` earlier turns stand in front of it."""
    history = [{"role": role, "content": f"turn {turn}"} for turn in range(before) for role in ("user", "assistant")]
    first = [{"role": "system", "content": system}] if system else []
    return TinySpan("chat", "CHAT_MODEL", inputs={"messages": [*first, *history, {"role": "user", "content": said}]}, text=answer)


def llm(text: str, *, tokens: int | None = None, model: str = "m", finish: str = "stop") -> TinySpan:
    """An LLM call with its output and why it stopped."""
    outputs = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}]}
    return TinySpan("chat", "CHAT_MODEL", outputs=outputs, text=text, output_tokens=tokens, model=model)


REFUND = "I want a refund for the broken lamp that I bought last week"
HUMAN = "Let me speak to a human please"
ENGLISH = (
    "The tent is available for the days that you asked for, and you can collect it at the shop in the morning with your card."
)
GERMAN = "Wie kann ich mein Zelt abholen und was ist mit der Kaution für die Buchung?"
GERMAN_ANSWER = (
    "Sie können das Zelt am Morgen in der Filiale abholen, und die Kaution ist mit der Karte zu zahlen; wir sind ab neun da."
)

FLAGGED: dict[str, tuple[TinyTrace, ...]] = {
    "swallowed_tool_errors": (
        TinyTrace("silent", spans=(FAILS,)),
        TinyTrace("open", spans=(NOT_FOUND, LOOKUP, NOT_FOUND)),
        TinyTrace("only if", response="You have mail. Look into the junk folder if it isn't there.", spans=(FAILS,)),
    ),
    "repeated_tool_calls": (
        TinyTrace("twice in a row", spans=(LOOKUP, LOOKUP)),
        TinyTrace("three times in all", spans=(LOOKUP, CANCEL, LOOKUP, HANDOVER, LOOKUP)),
    ),
    "retry_storms": (TinyTrace("three in a row", spans=(TIMEOUT, TIMEOUT, TIMEOUT)),),
    "rate_limit_bursts": tuple(
        TinyTrace(f"burst {n}", at_minute=6000 + n, spans=(TinySpan("chat", "CHAT_MODEL", error="429 Too Many Requests"),))
        for n in range(3)
    ),
    "cut_off_answers": (
        TinyTrace("says so", spans=(llm("There are three rules. The first of them is that you must", finish="length"),)),
        *(
            TinyTrace(f"cap {n}", spans=(llm(f"Of the {n} rules the first is that you must", tokens=256, model="cap"),))
            for n in range(3)
        ),
    ),
    "empty_answers": (TinyTrace("blank", response=" \n"), TinyTrace("none", response=None)),
    "provider_messages_as_answers": (
        TinyTrace("limit", response="Rate limit reached for requests. Please try again in 20s."),
        TinyTrace("overload", response="Sorry, the model gpt-9.1 is currently overloaded."),
    ),
    "invalid_tool_arguments": (
        TinyTrace("missing", spans=(TinySpan("book", error="1 validation error for Booking\nday\n  Field required"),)),
        TinyTrace("silent", spans=(TinySpan("book", silent="TypeError: book() got an unexpected keyword argument 'dya'"),)),
    ),
    "calls_unknown_tools": (TinyTrace("made up", spans=(TinySpan("fetch_it", error="Tool 'fetch_it' not found"),)),),
    "slower_since_latest_version": tuple(
        TinyTrace(f"new {n}", version="v2", at_minute=3000 + n, duration_ms=4000) for n in range(4)
    ),
    "slow_tail_since_latest_version": (),
    "verbose_answers_hide_failures": (TinyTrace("long for short", "Hi?", LONG * 3, spans=(FAILS,)),),
    "overlong_answers": (TinyTrace("page", "Is the shop open today?", LONG), TinyTrace("measure", "How heavy is it?", LONG)),
    "errors_shown_to_users": (
        TinyTrace("trace", response='Traceback (most recent call last):\n  File "a.py", line 3'),
        TinyTrace("named", response="I got KeyError: 'price' for that."),
    ),
    "users_repeat_themselves": (
        TinyTrace("said again", f"{REFUND}!", session="again", at_minute=2),
        TinyTrace("inside", REFUND, spans=(chat(REFUND, "Hm.", system="Help."), chat(f"{REFUND}, please", "Yes."))),
        TinyTrace("grows", f"So {REFUND}", spans=(chat(REFUND, "Hm.", before=1), chat(f"So {REFUND}", "Yes.", before=2))),
    ),
    "agent_repeats_its_answer": (
        TinyTrace("next turn", "It is red", "Could you please rephrase that?", session="stuck", at_minute=2),
        TinyTrace(
            "inside",
            "It broke",
            spans=(chat("It broke", "Could you rephrase that?"), chat("The lamp", "Could you rephrase that?")),
        ),
    ),
    "users_ask_again_for_a_human": (
        TinyTrace("twice", "I said I want to talk to a real person", session="h", at_minute=2),
        TinyTrace("inside", HUMAN, spans=(chat(HUMAN, "Why?"), chat("Please transfer me to a human agent now", "No."))),
    ),
    "claimed_but_never_done": (
        TinyTrace("never called", response="I've now cancelled your order. Bye."),
        TinyTrace("failed", response="Your order 17 has been cancelled.", spans=(TinySpan("cancel_order", error="no right to"),)),
        TinyTrace("only read", response="We’ve updated your address.", spans=(LOOKUP,)),
        TinyTrace(
            "has the tool and never calls it",
            response="I have purchased it for you.",
            spans=(TinySpan("chat", "LLM", attributes={"mlflow.chat.tools": '[{"function": {"name": "buy_article"}}]'}),),
        ),
        TinyTrace("in the passive", response="With pleasure. AB-17 has been cancelled free of charge."),
        TinyTrace("is now", response="Your order AB-17 is cancelled now."),
    ),
    "repeats_failing_arguments": (TinyTrace("same again", spans=(NOT_FOUND, NOT_FOUND)),),
    "gives_up_after_passing_error": (TinyTrace("once", spans=(TIMEOUT,)),),
    "unfinished_traces": (TinyTrace("open", state="IN_PROGRESS", response=None),),
    "negative_feedback_after_failed_tools": (
        TinyTrace("thumbs down", spans=(FAILS,), feedback={"helpful": False}),
        TinyTrace("one star", spans=(FAILS,), feedback={"stars": 1}),
    ),
    "answers_in_another_language": (TinyTrace("english", GERMAN, ENGLISH),),
    "recovers_from_tool_errors": (TinyTrace("mended", spans=(FAILS, LOOKUP)),),
    "few_failed_traces": (TinyTrace("error", state="ERROR", response=None),),
    "reliable_tools": (TinyTrace("silent", spans=(FAILS,)), TinyTrace("open", spans=(NOT_FOUND,))),
    "answers_in_time": (TinyTrace("slow", duration_ms=31_000),),
    "admits_tool_failures": (
        TinyTrace("says so", response="Sorry, I could not look that up.", spans=(FAILS,)),
        TinyTrace("asks", response="Which order do you mean?", spans=(NOT_FOUND,)),
        TinyTrace("in between", spans=(NOT_FOUND, llm("That order was not found, I try another."))),
    ),
}
"""What each entry must find; of a strength, the traces that its affected step counts."""

PASSED: dict[str, tuple[TinyTrace, ...]] = {
    "swallowed_tool_errors": (
        TinyTrace("no failure", spans=(LOOKUP,)),
        TinyTrace("recovered", spans=(FAILS, LOOKUP)),
        TinyTrace("admitted", response="Unfortunately the order can't be looked up now.", spans=(FAILS,)),
        TinyTrace("admitted before the end", spans=(FAILS, llm("I could not find it.")), response="You're welcome."),
        TinyTrace("asks the user", response="Which of the two orders is it?", spans=(NOT_FOUND,)),
        TinyTrace("passed on", spans=(FAILS, HANDOVER)),
        TinyTrace("another language", response="Ihre Bestellung kommt am Freitag.", spans=(FAILS,)),
    ),
    "repeated_tool_calls": (
        TinyTrace("other arguments", spans=(LOOKUP, TinySpan("get_order", inputs={"id": 2}, outputs={"status": "lost"}))),
        TinyTrace("polling", spans=(LOOKUP, TinySpan("get_order", inputs={"id": 1}, outputs={"status": "arrived"}))),
        TinyTrace("retry", spans=(FAILS, LOOKUP)),
        TinyTrace("looked at again later", spans=(LOOKUP, CANCEL, LOOKUP)),
    ),
    "retry_storms": (
        TinyTrace("two", spans=(TIMEOUT, TIMEOUT, LOOKUP)),
        TinyTrace("at once", spans=tuple(TinySpan("get_order", inputs={"id": n}, error="down", at_once=n > 0) for n in range(3))),
        TinyTrace("three tools", spans=tuple(TinySpan(f"tool_{n}", error="down") for n in range(3))),
    ),
    "rate_limit_bursts": (
        TinyTrace("single", at_minute=8000, spans=(TinySpan("chat", "CHAT_MODEL", error="429 Too Many Requests"),)),
        TinyTrace("other error", at_minute=6003, spans=(TinySpan("chat", "CHAT_MODEL", error="500"),)),
    ),
    "cut_off_answers": (
        TinyTrace("whole", spans=(llm("There are three rules, and all of them are easy to keep."),)),
        *(
            TinyTrace(f"same text {n}", spans=(llm("A list that ends with the last of its points", tokens=300, model="same"),))
            for n in range(4)
        ),
        *(
            TinyTrace(
                f"list {n}", spans=(llm(f"The {n} things to take:\n- a tent\n- shoes that are light", tokens=200, model="list"),)
            )
            for n in range(4)
        ),
        TinyTrace("one-word classifier", spans=(llm("billing", finish="length"),)),
        TinyTrace("ends at the cap", spans=(llm("Of all rules, the last is the easiest one.", tokens=256, model="cap"),)),
        TinyTrace(
            "no full stop", spans=(llm("The list: apples, pears, plums, nuts and one more thing", tokens=90, model="cap"),)
        ),
    ),
    "empty_answers": (
        TinyTrace("answered"),
        TinyTrace("passed on to a person", response="", spans=(HANDOVER,)),
        TinyTrace("failed", state="ERROR", response=None),
    ),
    "provider_messages_as_answers": (
        TinyTrace(
            "asked about it", "What is your API's rate limit?", "Rate limit reached means that you sent too many requests."
        ),
        TinyTrace("long guide", "How do I scale?", "When the rate limit is exceeded, wait. " * 30),
    ),
    "invalid_tool_arguments": (
        TinyTrace("business", spans=(NOT_FOUND,)),
        TinyTrace("invalid card", spans=(TinySpan("pay", silent="Error: the card is invalid"),)),
        TinyTrace("no failure", spans=(TinySpan("get_log", outputs="1 validation error for Booking"),)),
    ),
    "calls_unknown_tools": (TinyTrace("order not found", spans=(NOT_FOUND,)),),
    "slower_since_latest_version": tuple(
        TinyTrace(f"old {n}", version="v1", at_minute=2000 + n, duration_ms=1000) for n in range(6)
    ),
    "slow_tail_since_latest_version": (),
    "verbose_answers_hide_failures": (
        TinyTrace("no failure", "Hi?", LONG * 3),
        TinyTrace("long request", "Tell me everything that you know. " * 20, LONG * 3, spans=(FAILS,)),
        TinyTrace("short answer", "Hi?", spans=(FAILS,)),
    ),
    "overlong_answers": (
        TinyTrace("asked for it", "List all articles", LONG),
        TinyTrace("drafting", "Write an essay on shops", LONG),
        TinyTrace("brief", "Is the shop open today?"),
    ),
    "errors_shown_to_users": (
        TinyTrace("asked about it", "What does this traceback mean?", "Traceback (most recent call last): means that"),
        TinyTrace("in plain words", response="I made an error; it is corrected now."),
    ),
    "users_repeat_themselves": (
        TinyTrace("first", REFUND, session="again", at_minute=1),
        TinyTrace("item 1", "What would one avalanche set cost for six days from April on", session="item", at_minute=1),
        TinyTrace("item 2", "What would one sleeping bag cost for six days from April on", session="item", at_minute=2),
        TinyTrace("another session", REFUND, session="other", at_minute=3),
        TinyTrace("assent 1", "Yes, please proceed with the change of order now", session="assent", at_minute=1),
        TinyTrace("assent 2", "Yes, please proceed with the change of order now", session="assent", at_minute=2),
        TinyTrace("numbers 1", "What is the status of order 17 today", session="numbers", at_minute=1),
        TinyTrace("numbers 2", "What is the status of order 18 today", session="numbers", at_minute=2),
        TinyTrace("more 1", "Please show me the next five results of it", session="more", at_minute=1),
        TinyTrace("more 2", "Please show me the next five results of it", session="more", at_minute=2),
        TinyTrace("router", REFUND, spans=(chat(REFUND, "billing", system="Route."), chat(REFUND, "Sure.", system="Answer."))),
        TinyTrace("call again", REFUND, spans=(chat(REFUND, before=1), chat(REFUND, "Sure.", before=1))),
    ),
    "agent_repeats_its_answer": (
        TinyTrace("first turn", "It broke", "Could you please rephrase that?", session="stuck", at_minute=1),
        TinyTrace(
            "closing",
            "It broke",
            spans=(chat("Thanks", "You're welcome! Have a nice day."), chat("Bye", "You're welcome! Have a nice day.")),
        ),
        TinyTrace(
            "same call",
            "It broke",
            spans=(chat("It broke", "Could you rephrase that?"), chat("It broke", "Could you rephrase that?")),
        ),
    ),
    "users_ask_again_for_a_human": (
        TinyTrace("once", HUMAN, session="h", at_minute=1),
        TinyTrace("refuses one", "No need to talk to a representative", session="h", at_minute=3),
        TinyTrace("router", HUMAN, spans=(chat(HUMAN, "handover", system="Route."), chat(HUMAN, "Sure.", system="Answer."))),
    ),
    "claimed_but_never_done": (
        TinyTrace("called", response="I've cancelled your order.", spans=(CANCEL,)),
        TinyTrace("earlier call", session="c", at_minute=1, spans=(CANCEL,)),
        TinyTrace("said in a later turn", response="As I said, I have cancelled your order.", session="c", at_minute=2),
        TinyTrace(
            "told by a tool",
            response="Your flight has been cancelled.",
            spans=(TinySpan("get_flight", outputs={"state": "cancelled"}),),
        ),
        TinyTrace("condition", response="Once I have cancelled it, you get a mail."),
        TinyTrace("offer", response="I can have it cancelled for you."),
        TinyTrace(
            "part of another action", response="It is cancelled. The price has been refunded to your card.", spans=(CANCEL,)
        ),
        TinyTrace("done by others", response="Your flight has been cancelled by the airline."),
        TinyTrace("denial", response="I have not cancelled anything."),
        TinyTrace("no such tool", response="I've emailed you the invoice."),
        TinyTrace("has the tool", spans=(TinySpan("update_address", outputs={"ok": True}),)),
    ),
    "repeats_failing_arguments": (
        TinyTrace("mended arguments", spans=(NOT_FOUND, LOOKUP)),
        TinyTrace("passing error", spans=(TIMEOUT, TIMEOUT)),
        TinyTrace("once", spans=(NOT_FOUND,)),
    ),
    "gives_up_after_passing_error": (TinyTrace("tried again", spans=(TIMEOUT, LOOKUP)), TinyTrace("lasting", spans=(NOT_FOUND,))),
    "unfinished_traces": (
        TinyTrace("just begun", state="IN_PROGRESS", response=None, at_minute=8999),
        TinyTrace("last", at_minute=9000),
    ),
    "negative_feedback_after_failed_tools": (
        TinyTrace("thumbs up", spans=(FAILS,), feedback={"helpful": True}),
        TinyTrace("three stars", spans=(FAILS,), feedback={"stars": 3}),
        TinyTrace("five stars", feedback={"stars": 5}),
        TinyTrace("no failure", spans=(LOOKUP,), feedback={"helpful": False}),
    ),
    "answers_in_another_language": (
        TinyTrace("german", GERMAN, GERMAN_ANSWER),
        TinyTrace("asked for", f"{GERMAN} Bitte auf Englisch.", ENGLISH),
        TinyTrace("english", "What is the price and how can I pay for my tent with this card?", ENGLISH),
        TinyTrace("a name", "Zelt", ENGLISH),
    ),
    "recovers_from_tool_errors": (
        TinyTrace("fails later", spans=(LOOKUP, FAILS)),
        TinyTrace("other tool", spans=(FAILS, CANCEL)),
    ),
    "few_failed_traces": (TinyTrace("ok"), TinyTrace("failed tool", spans=(FAILS,))),
    "reliable_tools": (
        TinyTrace("fine", spans=(LOOKUP,)),
        TinyTrace("failed model call", spans=(TinySpan("chat", "LLM", error="x"),)),
    ),
    "answers_in_time": (TinyTrace("fast", duration_ms=29_000),),
    "admits_tool_failures": (
        TinyTrace("silence", spans=(FAILS,)),
        TinyTrace("before the failure", spans=(llm("Sorry, one moment."), FAILS)),
        TinyTrace("closing question", response="It comes on Friday. Is there anything else?", spans=(FAILS,)),
    ),
}
"""What each entry must leave alone."""
