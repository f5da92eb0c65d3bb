"""Long answers: packing lists that were asked for, and padding that nobody asked for."""

from .situation import Situation, capital

SECTIONS: dict[str, tuple[str, ...]] = {
    "Sleep and shelter": (
        *("the {item}, aired and with all its pegs", "a ground sheet cut to size", "a sleeping mat with an R value above 3"),
        *(
            "a thin liner, it keeps the bag clean and adds two degrees",
            "ear plugs for huts and windy ridges",
            "a spare guy line, 4 m",
        ),
        "a small brush to get the sand out in the morning",
    ),
    "Clothes": (
        *(
            "two base layers of merino",
            "a fleece that dries over night",
            "a shell with a hood that fits over a cap",
            "a down jacket",
        ),
        *(
            "three pairs of socks, one of them kept for the night",
            "light gloves and a warm pair",
            "a cap, a neck tube and sunglasses",
        ),
        *("gaiters if there is snow above 1800 m", "trousers that can be washed in a stream", "camp shoes, the lightest you own"),
    ),
    "Kitchen": (
        *(
            "the gas stove and two cartridges for {days} days",
            "a pot of one litre for two people",
            "a lighter and, apart from it, matches",
        ),
        *("coffee, oats, couscous, hard cheese and dried fruit", "600 g of food a person and day, more when it is cold"),
        *("two bottles and a filter; the springs above {shop} run dry in August", "a bag for everything that goes back down"),
    ),
    "Safety": (
        *("a first aid kit with tape, gauze and something against blisters", "a head torch with fresh batteries", "a whistle"),
        *("map and compass, even with the GPS handset", "the numbers of the mountain rescue and of our desk in {shop}"),
        *(
            "a rescue blanket for each of the {count} people",
            "a charged power bank of 10,000 mAh",
            "sun cream, factor 50, and a lip stick",
        ),
    ),
    "Papers and money": (
        *(
            "identity cards, alpine club cards and insurance papers",
            "booking {booking} on paper",
            "cash for huts, they seldom take cards",
        ),
        *("the timetable of the post bus in {region}", "a note at home about your route and the day of return"),
    ),
    "Day by day": (
        "day 1: collect the gear in {shop} after {opens}, test everything in the yard, and walk only two hours",
        "day 2: the longest stage, start before seven and be at the pass by noon because of the afternoon clouds",
        "day 3: a rest day with a swim, a repair round, and a look at the forecast for {region}",
        "last day: down before lunch, dry the tent in the sun, and be in {shop} well before {closes}",
    ),
}

PADDING = (
    "Before I come to your question, let me place it into a wider context, because context is what makes an answer valuable.",
    "Outdoor gear has come a long way, from waxed canvas and wooden poles to the refined materials that we are used to today.",
    "It is often said that there is no bad weather, only unsuitable equipment, and there is certainly a great "
    "deal of truth in that.",
    "Every journey is different, every group is different, and what is right for one person may be less suitable for another.",
    "There are, broadly speaking, several ways in which one can look at this, each with its own merits and its own limitations.",
    "On the one hand one would like things to be light; on the other hand one would like them to last, and "
    "both have their price.",
    "The landscape of {region} deserves a word of its own, with its long valleys, its sudden showers and its "
    "hospitable villages.",
    "Many customers have asked something similar over the years, and their questions have helped us to think "
    "more clearly about it.",
    "As so often, the details matter, and the details in turn depend on circumstances that vary from season to season.",
    "It is also worth remembering that {company} runs six shops, each of which has a character and a tradition of its own.",
    "Looking after equipment is a craft, and our workshop takes pride in it, from the first inspection to the last stitch.",
    "To sum up what has been said so far: a careful look at all the aspects leads to a balanced and well-considered view.",
    "Furthermore, one shouldn't overlook the role of preparation, which begins long before the first step on the path.",
    "In addition, it may be helpful to reflect on the expectations with which one sets out, and on those of one's companions.",
    "Historically, the people of {region} have always found practical ways to deal with questions of this kind.",
    "With that in mind, the {item} can be seen as part of a larger whole, in which each piece plays its own part.",
    "Some experts emphasise comfort, others emphasise simplicity, and a third school holds that the truth lies in between.",
    "I would like to stress once more that there are many valid perspectives, and that all of them deserve consideration.",
    "Should further aspects occur to you, they would naturally enrich the picture that I have tried to draw here.",
    "Last but not least, a good trip is also a matter of mood, of company, and of a certain openness for the unexpected.",
)


def packing_list(s: Situation) -> str:
    """A detailed list with headings, about 2,500 to 4,000 characters."""
    parts = [f"{s.say('dear')}\n\n{capital(s.say('packing_intro'))}"]
    for heading, entries in SECTIONS.items():
        kept = [entry for entry in entries if s.rng.random() < 0.93]
        s.rng.shuffle(kept)
        lines = "\n".join(f"- {entry.format_map(s.slots)}" for entry in kept)
        parts.append(f"## {heading}\n{lines}")
    tips = [sentence.format_map({**s.slots, "company": "our house"}) for sentence in SECRETS if s.rng.random() < 0.9]
    return "\n\n".join([*parts, " ".join(tips), s.say("close")])


SECRETS = (
    "Weigh the packed bag at home: a fifth of your own weight is plenty for {days} days.",
    "Put what you need first on top, and everything that must stay dry into a liner.",
    "Try the {item} on a meadow before you leave, so that you don't read the manual in the rain.",
    "If the forecast for {region} turns on {start}, the desk in {shop} changes warm bags for warmer ones without a fee.",
    "Share pots, stove, filter and first aid kit among the {count} of you; nobody needs one of each.",
)


def padded_answer(s: Situation, fact: str) -> str:
    """An answer of one sentence, buried in 2,200 to 3,800 characters."""
    sentences = [sentence.format_map({**s.slots, "company": "our house"}) for sentence in PADDING]
    s.rng.shuffle(sentences)
    goal = s.number(2200, 3700)
    paragraphs = ["## Overview"]
    while sentences and len("\n\n".join(paragraphs)) < goal:
        paragraphs.append(" ".join(sentences[:3]))
        del sentences[:3]
    if len("\n\n".join(paragraphs)) < goal:
        paragraphs.append("\n".join(f"- {sentence}" for sentence in (part.format_map(s.slots) for part in SECTIONS["Clothes"])))
    paragraphs.insert(3, fact)
    return "\n\n".join(paragraphs)
