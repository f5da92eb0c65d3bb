"""The invented world: an alpine gear rental, what it lends, where, to whom, and by which rules."""

from typing import NamedTuple

COMPANY = "Tarn & Fell"


class Item(NamedTuple):
    """One thing to rent; `price` is a day's, in euros."""

    sku: str
    name: str
    category: str
    price: int


class Shop(NamedTuple):
    """One shop, with its opening hours and what is told about its surroundings."""

    name: str
    region: str
    opens: str
    closes: str
    sunday: str


class Topic(NamedTuple):
    """One rule of the house: how it is asked for, and what holds."""

    document: str
    title: str
    question: str
    rule: str
    detail: str


ITEMS = (
    Item("TNT-214", "Skaill 2 trekking tent", "tents", 14),
    Item("TNT-330", "Skaill 3 family tent", "tents", 19),
    Item("TNT-118", "Marmot's Rest ultralight tent", "tents", 17),
    Item("TNT-902", "Hochjoch expedition tent", "tents", 26),
    Item("BAG-070", "Eider -7 °C sleeping bag", "sleeping bags", 9),
    Item("BAG-002", "Sula +2 °C sleeping bag", "sleeping bags", 7),
    Item("BAG-180", "Polarfuchs winter sleeping bag", "sleeping bags", 13),
    Item("PCK-055", "Carn 55 l backpack", "backpacks", 8),
    Item("PCK-035", "Corrie 35 l backpack", "backpacks", 6),
    Item("PCK-080", "Portage 80 l expedition pack", "backpacks", 11),
    Item("SNW-310", "Firnlinie snowshoes", "snow gear", 10),
    Item("SNW-415", "Lawine avalanche set", "snow gear", 18),
    Item("SNW-520", "Tête-de-Pont touring skis", "snow gear", 32),
    Item("SNW-044", "twelve-point crampons", "snow gear", 9),
    Item("CLB-201", "Via ferrata set Cengia", "climbing gear", 12),
    Item("CLB-113", "climbing harness Arête", "climbing gear", 6),
    Item("CLB-640", "60 m half rope pair", "climbing gear", 15),
    Item("WTR-101", "Lochan inflatable canoe", "boats and bags", 38),
    Item("WTR-205", "two-person sea kayak Selkie", "boats and bags", 45),
    Item("WTR-330", "dry bag set, 3 x 20 l", "boats and bags", 5),
    Item("CMP-011", "gas stove Brünnli", "camp kitchens", 4),
    Item("CMP-077", "camp kitchen box for six", "camp kitchens", 12),
    Item("NAV-009", "Wayfinder 4 GPS handset", "navigation devices", 8),
    Item("NAV-031", "satellite messenger Heron", "navigation devices", 10),
)

SHOPS = (
    Shop("Grünhornhütte", "Upper Valais", "08:00", "18:00", "closed"),
    Shop("Ambleford", "the Lakeland fells", "09:00", "17:30", "open until 13:00"),
    Shop("Val-d'Ézile", "the Savoy Alps", "08:30", "19:00", "open until 12:30"),
    Shop("Monte Sèlva", "the Dolomites", "08:30", "18:30", "closed"),
    Shop("Glenmorra", "the western Highlands", "09:30", "17:00", "open until 14:00"),
    Shop("Seeblick am Tann", "the Vorarlberg lakes", "08:00", "18:00", "open until 12:00"),
)

TOPICS = (
    Topic(
        "cancellation.md",
        "Cancelling a booking",
        "what does it cost to cancel",
        "Cancelling is free up to 48 hours before pickup; after that we keep half of the rental price.",
        "The deposit is always returned in full, within five working days, to the card it came from.",
    ),
    Topic(
        "deposit.md",
        "Deposits",
        "how much deposit do I have to leave",
        "The deposit is 30 % of what the article costs new, and it is only reserved on your card, not taken.",
        "It is released on the day after the return, once the gear has been checked.",
    ),
    Topic(
        "late-return.md",
        "Late returns",
        "what happens if I bring things back late",
        "Up to two hours late costs nothing; after that each begun day is charged at the ordinary daily price.",
        "If the weather keeps you on the mountain, call the shop: the wardens can confirm it and we waive the fee.",
    ),
    Topic(
        "damage.md",
        "Damage and loss",
        "who pays if something gets damaged",
        "Ordinary wear is ours; repairs are charged at cost, and never above the deposit.",
        "With the gear cover at three euros a day you pay nothing, lost articles excepted.",
    ),
    Topic(
        "cleaning.md",
        "Cleaning",
        "do I have to clean the gear before I return it",
        "Shake out the tent and brush off the mud; washing is our job, because the wrong soap ruins the coating.",
        "Only where something comes back soaked in fuel or wax do we charge a cleaning fee of twelve euros.",
    ),
    Topic(
        "collection-by-others.md",
        "Collection by somebody else",
        "can a friend pick up the gear for me",
        "Anybody of age can collect it with the booking number and an identity card.",
        "Avalanche sets are handed over only to the person who will wear them, since we fit and test them together.",
    ),
    Topic(
        "shipping.md",
        "Shipping",
        "do you ship to a campsite or a hut",
        "We ship to any address with a reception, three working days ahead, for nine euros a parcel.",
        "Huts without a road are served by the supply helicopter on Thursdays, at cost, and only in summer.",
    ),
    Topic(
        "payment.md",
        "Payment",
        "which ways to pay do you take",
        "Cards, bank transfer up to seven days ahead, and cash in the shop.",
        "Invoices are possible for clubs and schools that are registered with us.",
    ),
)

LORE = (
    "Every article has a number on a yellow tag. Please quote it when you write to us, it saves everybody time.",
    "Our workshop goes over each piece between two rentals: seams, zips, buckles, edges, batteries and the "
    "date of the last test.",
    "Prices are per calendar day; the day of pickup counts only when you collect before noon.",
    "Groups of eight and more are given a tenth off, which is applied by the desk and shown on the quote.",
    "Children's sizes are kept in Ambleford and Seeblick am Tann, and can be sent to the other shops within two days.",
    "Safety gear is lent together with a short instruction; whoever has had one this season may skip it.",
    "The wardens of the region publish the state of the paths each morning, and our desks pass it on.",
    "Articles that are not collected by closing time are kept until noon of the following day and lent again after that.",
    "Extending is possible as long as nobody has booked the article after you; ask the concierge or call the shop.",
    "We don't lend ropes for glaciers without a second rope in the party, whatever the forecast says.",
    "What was left behind in pockets and lids is kept for three months in the shop where it was found.",
    "Reservations made for a course are bound to that course and can't be moved to other dates by yourself.",
)


def policy_document(topic: Topic, paragraphs: int) -> str:
    """The text of a policy as the retriever returns it, 400 characters and more.

    The paragraphs of house lore start elsewhere for each topic, so that no two documents read the same.
    """
    first = TOPICS.index(topic) * 5
    lore = [LORE[(first + step * 7) % len(LORE)] for step in range(paragraphs)]
    body = "\n\n".join(lore)
    return (
        f"# {topic.title}\n\n{topic.rule}\n\n{topic.detail}\n\n## Good to know\n\n{body}\n\nLast reviewed by the {COMPANY} desk."
    )
