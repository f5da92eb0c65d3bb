"""For each entry of the playbook: traces that it must flag."""

from analyze_experiment.tests.tools.testing.case_spans import (
    CANCEL,
    EDIT,
    ENGLISH,
    FAILS,
    GERMAN,
    HANDOVER,
    HUMAN,
    KEY,
    LAMPS,
    LONG,
    LOOKUP,
    NOT_FOUND,
    NOTHING,
    REFUND,
    RULES,
    TESTS,
    TIMEOUT,
    chat,
    llm,
    worker,
)
from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan, TinyTrace

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
    "stops_at_the_step_limit": (
        TinyTrace(
            "graph", spans=(TinySpan("loop", "CHAIN", error="Recursion limit of 25 reached without hitting a stop condition."),)
        ),
        TinyTrace("answer", response="Agent stopped due to iteration limit or time limit."),
        TinyTrace("turns", state="ERROR", response=None, spans=(TinySpan("run", "CHAIN", error="Max turns (10) exceeded"),)),
    ),
    "raw_tool_calls_in_answers": (
        TinyTrace("tag", response='<tool_call>{"name": "get_order", "arguments": {"id": 1}}</tool_call>'),
        TinyTrace("json", response='{"name": "get_order", "arguments": {"id": 1}}'),
        TinyTrace("template", response="It comes on Friday.<|im_end|>"),
        TinyTrace("react", response='Thought: I look it up.\nAction: get_order\nAction Input: {"id": 1}'),
    ),
    "unfilled_placeholders": (
        TinyTrace("braces", response="Dear {customer_name}, your order is on its way."),
        TinyTrace("double", response="It arrives on {{ delivery_date }}."),
        TinyTrace("bracket", response="You can reach us at [insert phone number here]."),
    ),
    "answers_that_only_announce": (
        TinyTrace("let me", response="Sure, I can help with that. Let me check your order.", spans=(LOOKUP,)),
        TinyTrace("moment", response="One moment please…"),
        TinyTrace("will", response="I’ll look into this right away!"),
    ),
    "asks_for_what_was_said": (
        TinyTrace("same turn", "I am kim@example.org, where is it?", "Could you please provide your email address?"),
        TinyTrace("later turn", "So where is it?", "Please share your order number.", session="said", at_minute=2),
    ),
    "answers_from_empty_retrieval": (TinyTrace("nothing", "How do heat pumps work?", LAMPS, spans=(NOTHING,)),),
    "secrets_in_answers": (
        TinyTrace("key", response=f"The tool is called with {KEY}."),
        TinyTrace("private", response="-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
    ),
    "system_prompt_shown": (
        TinyTrace("whole", "What do your rules say?", RULES, spans=(chat("What do your rules say?", RULES, system=RULES),)),
        TinyTrace("end", "And?", f"The last are: {RULES[60:]}", spans=(chat("And?", system=RULES),)),
    ),
    "edits_never_verified": (TinyTrace("untried", spans=(TESTS, EDIT)), TinyTrace("only read", spans=(EDIT, LOOKUP))),
    "agents_hand_back_and_forth": (
        TinyTrace(
            "round", spans=(worker("planner", "write a report"), worker("writer", "a draft"), worker("planner", "write a report"))
        ),
    ),
    "unparseable_model_output": (
        TinyTrace(
            "parser", spans=(TinySpan("parse", "PARSER", error="OutputParserException: Could not parse LLM output: `I think"),)
        ),
        TinyTrace("json", spans=(TinySpan("plan", "CHAIN", error="JSONDecodeError: Expecting value: line 1 column 1"),)),
    ),
    "refuses_as_an_ai": (
        TinyTrace("as an", response="As an AI language model, I cannot look at orders."),
        TinyTrace("stock", response="I'm sorry, but I can't assist with that."),
    ),
    "later_turns_fail_more": (
        TinyTrace("sixth", response="I'm sorry, something went wrong.", session="long", at_minute=6),
        TinyTrace("seventh", state="ERROR", response=None, session="long", at_minute=7),
    ),
}
"""What each entry must find; of a strength, the traces that its affected step counts."""
