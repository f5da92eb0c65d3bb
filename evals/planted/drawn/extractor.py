"""Extraction: invoices are read into records. A fixed pipeline without users, sessions or feedback; answers are JSON."""

import json
import random

from ..profile import Profile, Tool
from ..steps import Call, Failure, Thought
from .harmless import RUSH, WEEKEND, heavy_tail, lonely_refusals, many_arguments, recovers
from .operational import fails_in_segment, never_ends, retries_in_vain, run_dies, slow_tail, slow_version, tool_fails
from .quality import cut_off_answer, empty_answer, exposed_error, provider_message, swallows_error
from .reading import ignored_condition, wrong_figure
from .scene import Act, Scene, Script

SENDERS = (
    *(
        "Ankerwerk",
        "Birkland Papers",
        "Corvus Freight",
        "Delta Bakery",
        "Ebbe & Flut",
        "Fenwick Tools",
        "Garn und Seil",
        "Hollis Glass",
    ),
    *("Iglesias Cork", "Juniper Print", "Kvist Timber", "Lark Signs", "Morrow Salt", "Nantes Sails", "Osk Roofing", "Pell Dairy"),
    *("Quarry Lane", "Rook Cables", "Stavne Fish", "Thorne Seeds", "Ulm Springs", "Vesper Lamps", "Wold Bricks", "Yarrow Teas"),
)
GOODS = (
    *(
        "rope",
        "paper",
        "freight",
        "bread",
        "sailcloth",
        "hammers",
        "twine",
        "window panes",
        "cork",
        "leaflets",
        "beams",
        "signs",
        "salt",
    ),
    *(
        "battens",
        "tiles",
        "milk",
        "gravel",
        "cable",
        "herring",
        "seed potatoes",
        "water",
        "lamps",
        "bricks",
        "tea",
        "hinges",
        "varnish",
    ),
)
TERMS = ("payable within 14 days", "payable within 30 days", "payable at once", "paid in advance", "payable on delivery")
LAYOUTS = (
    "INVOICE {number}\n{sender}\n\n{quantity} x {goods}\nNet {net}\nVAT {vat}\nTotal {figure}\n{terms}",
    "{sender} - invoice no. {number}\nGoods: {goods} ({quantity})\nSum without tax: {net}; tax: {vat}\nTo pay: {figure}, {terms}",
    "Bill {number} of {sender} for {quantity} units of {goods}.\n{net} + {vat} = {figure}\nTerms: {terms}",
)

PROFILE = Profile(
    *("extractor", "invoice-extractor", "extract_invoice"),
    "You turn invoices into records. Return one JSON object with number, sender, goods, net, vat, total and terms, as they "
    "stand in the document. Leave out nothing.",
    {
        "parse_document": Tool("Text of a document.", {"document": "string"}, 320, "PARSER"),
        "validate_record": Tool("Check a record against the schema.", {"document": "string"}, 30),
        "store_record": Tool("Store a record.", {"document": "string", "ledger": "string"}, 140),
    },
    versions=("1.4", "1.5", "1.6"),
    root_kind="CHAIN",
    calls_by_model=False,
    speaks_last=False,
    with_users=False,
    with_feedback=False,
    max_tokens=800,
)


def ordinary(scene: Scene) -> Act:
    """Parse, extract, validate, store."""
    sender, goods, terms = scene.ask(SENDERS), scene.ask(GOODS), scene.ask(TERMS)
    number = f"{scene.ask('ABCDEFGHK')}{scene.ask('LMNPQRST')}-{int(scene.asking.random() * 90_000) + 10_000}"
    net, quantity = int(scene.asking.random() * 4_000) + 60, int(scene.asking.random() * 90) + 2
    vat = round(net * 0.2)
    figure = str(net + vat)
    words = {"number": number, "sender": sender, "goods": goods, "terms": terms, "net": net, "vat": vat, "figure": figure}
    document = scene.ask(LAYOUTS).format_map({**words, "quantity": quantity})
    record = {"number": number, "sender": sender, "goods": goods, "net": net, "vat": vat, "total": int(figure), "terms": terms}
    answer = json.dumps(record)
    name = f"{number}.pdf"
    steps = [
        Call("parse_document", {"document": name}, document),
        Thought(answer),
        Call("validate_record", {"document": name}, {"valid": True, "missing": []}),
        Call("store_record", {"document": name, "ledger": scene.pick(("main", "site", "fleet"))}, {"stored": True}),
    ]
    return Act(document, [*steps], answer, figure=figure, condition=terms)


def labels(rng: random.Random) -> dict[str, str]:
    """How a document came, and from which country."""
    return {
        "intake": rng.choices(("mail", "scan", "portal"), (0.5, 0.3, 0.2))[0],
        "country": rng.choices(("NO", "FR", "DE", "PT"), (0.4, 0.25, 0.2, 0.15))[0],
    }


SCRIPT = Script(
    PROFILE,
    ordinary,
    labels,
    kinds=(
        tool_fails("validate_record", Failure("SchemaError", "the schema has no field terms", "schema"), (0.03, 0.2)),
        tool_fails(
            "store_record",
            Failure("TimeoutError", "ledger did not answer within 15.0 s", "ledger"),
            (0.03, 0.2),
            duration_ms=15_000,
        ),
        run_dies(Failure("UnreadablePage", "page 2 has no text", "parse"), (0.03, 0.4)),
        never_ends((0.02, 0.1)),
        retries_in_vain("store_record", Failure("LedgerClosed", "the ledger of this month is closed", "ledger"), (0.02, 0.15)),
        slow_version("1.6", 1.7),
        slow_tail("1.6", 9.0),
        fails_in_segment(
            "store_record", "country", "PT", Failure("TaxRuleMissing", "no tax rule for this country", "ledger"), (0.2, 0.4)
        ),
        empty_answer((0.01, 0.1)),
        provider_message((0.005, 0.03)),
        exposed_error((0.005, 0.04)),
        cut_off_answer((0.01, 0.1), least=80),
        swallows_error("store_record", "record {number} was rejected by the ledger", (0.02, 0.15), in_words=False),
        wrong_figure((0.02, 0.3)),
        ignored_condition((0.02, 0.2), "payable within 90 days"),
    ),
    harmless=(
        recovers("store_record"),
        heavy_tail(),
        many_arguments("store_record", "ledger"),
        lonely_refusals(),
        WEEKEND,
        RUSH,
    ),
    repeated=0.05,
    conversations=False,
)
