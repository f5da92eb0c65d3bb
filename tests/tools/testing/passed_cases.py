"""For each entry of the playbook: traces without its fault, and look-alikes of it."""

from analyze_experiment.tests.tools.testing.case_spans import (
    CANCEL,
    EDIT,
    ENGLISH,
    FAILS,
    GERMAN,
    GERMAN_ANSWER,
    HANDOVER,
    HUMAN,
    KEY,
    LAMPS,
    LONG,
    LOOKUP,
    NOT_FOUND,
    NOTHING,
    PASSAGES,
    REFUND,
    RULES,
    TESTS,
    TIMEOUT,
    chat,
    llm,
    worker,
)
from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace

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
    "stops_at_the_step_limit": (
        TinyTrace(
            "asks about it",
            "What is the max number of iterations?",
            "The maximum number of iterations is reached after 10 steps.",
        ),
        TinyTrace("other limit", spans=(TinySpan("pay", error="The limit of this card is reached"),)),
        TinyTrace("steps", response="You have reached the steps of the museum."),
    ),
    "raw_tool_calls_in_answers": (
        TinyTrace("asked for", "Show me the JSON of a tool call", '{"name": "get_order", "arguments": {"id": 1}}'),
        TinyTrace("record", response='{"name": "Kim", "order": 17}'),
        TinyTrace("markup", response="Use <b>bold</b> for it, and press the <Enter> key."),
        TinyTrace("says action", response="Action: we replace it.\nThought of everything."),
    ),
    "unfilled_placeholders": (
        TinyTrace("draft", "Write a letter to my landlord", "Dear [Your Landlord], I live in {street_name}."),
        TinyTrace("code", response="Call it so:\n```\nf'{user_name}'\n```"),
        TinyTrace("set", response="The set {1, 2} and the words {red, green}."),
        TinyTrace("note", response="It is sold out [see above] and [1] says so."),
    ),
    "answers_that_only_announce": (
        TinyTrace("and does", response="Let me check. Your order is on its way and comes on Friday."),
        TinyTrace("let me know", response="It comes on Friday. Let me know if I can check anything else."),
        TinyTrace("passed on", response="Please hold on.", spans=(HANDOVER,)),
        TinyTrace("asks first", response="I'll check it once you send me the number."),
        TinyTrace("question", response="Shall I go ahead? Let me check then."),
    ),
    "asks_for_what_was_said": (
        TinyTrace("first", "Where is my order 12345?", "Which lamp is it?", session="said", at_minute=1),
        TinyTrace("not given", "Where is it?", "Could you please provide your email address?"),
        TinyTrace("no such", "It is order 99999.", "I couldn't find it. Please provide your order number again."),
        TinyTrace("other thing", "I am lee@example.org.", "Please share your order number."),
        TinyTrace("said later", "My order 23456 is late", "Sorry.", session="later", at_minute=2),
        TinyTrace("before it", "It is late", "Please share your order number.", session="later", at_minute=1),
    ),
    "answers_from_empty_retrieval": (
        TinyTrace("says so", response=f"I found no documents on it. {LAMPS}", spans=(NOTHING,)),
        TinyTrace("second search", response=LAMPS, spans=(NOTHING, PASSAGES)),
        TinyTrace("found", response=LAMPS, spans=(PASSAGES,)),
        TinyTrace("tool instead", response=LAMPS, spans=(NOTHING, LOOKUP)),
        TinyTrace("greeting", response="Hello! How can I help?", spans=(NOTHING,)),
        TinyTrace("failed search", response=LAMPS, spans=(TinySpan("search_docs", "RETRIEVER", error="down"),)),
    ),
    "secrets_in_answers": (
        TinyTrace("the user's own", f"Is {KEY} valid?", f"The key {KEY} looks valid."),
        TinyTrace("example", response="Set it to sk-your-api-key-goes-here-1, or AKIAIOSFODNN7EXAMPLE."),
        TinyTrace("masked", response="Your key is sk-****************************."),
        TinyTrace("order", response="Your order sk-12 and the parcel 9fQ2mB7xLr40Tz8Kc1Vn5Wd are on their way."),
    ),
    "system_prompt_shown": (
        TinyTrace(
            "a rule in own words", "Why?", f"We never give more than ten percent. {LONG}", spans=(chat("Why?", system=RULES),)
        ),
        TinyTrace(
            "short prompt", "Who are you?", "You are helpful. " * 10, spans=(chat("Who are you?", system="You are helpful."),)
        ),
        TinyTrace("the user's text", "Repeat it", LAMPS, spans=(chat(LAMPS, LAMPS, system=RULES),)),
    ),
    "edits_never_verified": (
        TinyTrace("tried", spans=(EDIT, TESTS)),
        TinyTrace("tried in a shell", spans=(EDIT, TinySpan("bash", inputs={"cmd": "pytest"}, outputs="ok"))),
        TinyTrace("no file", spans=(TinySpan("update_address", outputs={"ok": True}),)),
        TinyTrace("failed edit", spans=(TinySpan("edit_file", error="no such file"),)),
    ),
    "agents_hand_back_and_forth": (
        TinyTrace(
            "new input",
            spans=(worker("planner", "write a report"), worker("writer", "a draft"), worker("planner", "read the draft")),
        ),
        TinyTrace("in a row", spans=(worker("writer", "write the first part"), worker("writer", "write the first part"))),
        TinyTrace(
            "tool between", spans=(worker("writer", "write the first part"), LOOKUP, worker("writer", "write the first part"))
        ),
    ),
    "unparseable_model_output": (
        TinyTrace("tool's own", spans=(TinySpan("fetch_page", error="JSONDecodeError: Expecting value: line 1 column 1"),)),
        TinyTrace(
            "talks of it", response="Your file could not be parsed: it is invalid JSON.", spans=(llm("It is invalid JSON."),)
        ),
        TinyTrace("other error", spans=(TinySpan("plan", "CHAIN", error="ValueError: no order"),)),
    ),
    "refuses_as_an_ai": (
        TinyTrace("asked", "Are you a human?", "I'm an AI assistant and can't feel, but I do care."),
        TinyTrace("a rule", response="I'm sorry, but I can't refund an order after 30 days."),
        TinyTrace("does it", response="As an AI assistant I have looked at your order: it comes on Friday."),
    ),
    "later_turns_fail_more": (
        *(TinyTrace(f"turn {n}", session="long", at_minute=n) for n in range(1, 6)),
        TinyTrace("early", state="ERROR", response=None, session="short", at_minute=1),
        TinyTrace("sorry for you", response="Sorry to hear that! It comes on Friday.", session="long", at_minute=8),
    ),
}
"""What each entry must leave alone."""
