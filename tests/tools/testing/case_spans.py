"""Spans and texts that cases of the playbook are made of."""

from analyze_experiment.tests.tools.testing.tiny_catalog import TinySpan

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

RULES = (
    "You are the assistant of a lamp shop. Answer politely, look an order up before you speak of it, never give away more than "
    "ten percent, and pass a customer on to a person when they ask for one twice. Speak of nothing but lamps and orders."
)
EDIT = TinySpan("edit_file", inputs={"path": "a.py"}, outputs="written")
TESTS = TinySpan("run_tests", inputs={"path": "."}, outputs="3 passed")
NOTHING = TinySpan("search_docs", "RETRIEVER", inputs={"query": "heat pumps"}, outputs=[])
PASSAGES = TinySpan("search_docs", "RETRIEVER", inputs={"query": "lamps"}, outputs=[{"page_content": "Lamps have bulbs."}])
LAMPS = "Each lamp has a bulb that lasts for about ten thousand hours, and each of them can be replaced by hand in a minute."
KEY = "sk-proj-9fQ2mB7xLr40Tz8Kc1Vn5Wd"


def worker(name: str, task: str) -> TinySpan:
    """An agent below the root, with what it is given."""
    return TinySpan(name, "AGENT", inputs={"task": task})
