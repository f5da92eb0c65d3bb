"""What customers write, by occasion; the words in braces come from the situation."""

REQUESTS: dict[str, tuple[str, ...]] = {
    "hello": (
        *("Hello,", "Hi there,", "Grüezi!", "Bonjour,", "Buongiorno,", "Good morning,", "Hello, {first} {last} here.", "Hey,"),
        *("Salut!", "Hi, it's {first}.", "Good evening,", "Servus,", "Dear team,", ""),
    ),
    "bye": (
        *(
            "Thanks!",
            "Merci vielmals.",
            "Thank you, {first}",
            "Grazie mille!",
            "Cheers",
            "Many thanks, {first} {last}",
            "Best, {first}",
        ),
        *("Thanks in advance.", "À bientôt, {first}", "Kind regards, {first} {last}", "Liebe Grüsse, {first}", ""),
    ),
    "query": ("{item}", "{category} for {count}", "{category} {region}", "light {category}", "{category} near {shop}"),
    "mail": (
        "Your booking {booking}: {item}, {start} to {end}, {shop}. Please bring an identity card.",
        "Confirmation of {booking}. Pickup in {shop} on {start} from {opens}, return on {end} before {closes}.",
    ),
    "search": (
        "we are {count} people walking in {region} from {start} and look for {category}. What do you have?",
        "I need something light among your {category} for {days} days around {start}, pickup in {shop}.",
        "which {category} would you recommend for {region} in the middle of the season? We leave on {start}.",
        "can you suggest {category} for beginners? It's for {days} days from {start}, collected in {shop}.",
        "do you have other {category} than the {item}? We start from {shop} on {start}.",
    ),
    "availability": (
        "is the {item} free from {start} to {end} in {shop}?",
        "could I still get {count} x {item} between {start} and {end}? I'd collect in {shop}.",
        "do you have a {item} left for {start} until {end}, pickup {shop}?",
        "I'd like to know whether the {item} can be had in {shop} from {start}, for {days} days.",
    ),
    "quote": (
        "what would {count} x {item} cost for {days} days from {start}?",
        "how much is the {item} for {days} days? Pickup in {shop} on {start}.",
        "please send me a price for the {item}, {start} to {end}, {count} pieces.",
        "I'd like a quote: {item}, {count} of them, {days} days, from {shop}.",
        "what do you charge for a {item} from {start} to {end}, and what is the deposit?",
    ),
    "book": (
        "please book {count} x {item} from {start} to {end}, pickup in {shop}.",
        "I'd like to reserve the {item} for {days} days from {start} in {shop}. Number of pieces: {count}.",
        "can you put {count} {item} aside for me, {start} until {end}? I'll come to {shop}.",
        "go ahead and book the {item} ({count} x), {start} to {end}, {shop}.",
    ),
    "change": (
        "could you move my booking {booking} to {start} - {end}? It's the {item}.",
        "our trip is later than planned. Please change {booking} so that it runs from {start} to {end}.",
        "I have to shift {booking} ({item}): new dates {start} until {end}, same shop in {shop}.",
        "can {booking} begin on {start} instead, for {days} days?",
    ),
    "cancel": (
        "please cancel my booking {old}, the {item} from {shop}. The forecast is awful.",
        "we can't come to {shop} after all. Cancel {old} please ({item}).",
        "I booked the {item} twice by mistake, please cancel {old}.",
        "my daughter has broken her wrist, so {old} has to be cancelled: {item}, {shop}.",
    ),
    "status": (
        "what is the state of {booking}? I can't remember whether I reserved {count} or more of the {item}.",
        "can you tell me when I can pick up {booking} in {shop}?",
        "just checking that {booking} is all right: {item}, {start}, {shop}.",
        "which dates did I choose for {booking}, the {item}?",
    ),
    "weather": (
        "how is the weather going to be in {region} on {start}? We'd carry the {item}.",
        "will the {item} be warm and dry enough in {region} around {start}?",
        "what does the forecast say for {region}, {start}, starting from {shop}?",
    ),
    "email": (
        "please send me the confirmation of {booking} by mail, I can't find it. It was the {item} in {shop}.",
        "could you mail the details of {booking} to {email}? Pickup on {start}, {shop}.",
        "I need {booking} in writing for my club, the {item} from {start}. Please mail it to me.",
    ),
    "refund": (
        "I returned the {item} to {shop}, booking {old}, but the deposit hasn't come back. Can you refund it?",
        "please pay back the deposit for {old}; we brought the {item} to {shop} on time.",
        "the {item} of booking {old} was back in {shop} a week ago. Could you release my deposit?",
    ),
    "delivery": (
        "where is my parcel for {booking}? It should bring the {item} to {region}.",
        "has the {item} of {booking} been shipped from {shop} yet?",
        "when will {booking} arrive? We leave on {start} and the {item} isn't here.",
    ),
    "policy": (
        "{question}? I think of the {item}, collected in {shop}.",
        "a question before I book the {item} in {shop}: {question}?",
        "{question} when I rent a {item} from {start} to {end}?",
        "we rent {count} x {item} in {shop}. {asked}?",
    ),
    "sunday": ("Is {shop} open on Sunday?", "Sunday in {shop}?", "Are you there on Sundays, {shop}?"),
    "closing": ("Until when is {shop} open?", "When does {shop} close?", "How late can I come to {shop}?"),
    "opening": ("Opening hours of {shop}?", "When is {shop} open?", "Your hours in {shop}, please?"),
    "thanks": (
        "Thank you!",
        "Perfect, thanks.",
        "Great, that's all.",
        "Super, merci!",
        "Thanks, bye.",
        "Ok, thanks {first} here, bye.",
    ),
    "device_error": (
        'my {item} shows "Error E42" since we left {shop}. What does that error mean?',
        'the {item} from {shop} says "SELF TEST FAILED". Do I have to worry?',
        'there is "error: no fix" on the display of the {item}, and it beeps. We are near {shop}, what now?',
    ),
    "page_error": (
        'your app said "Error 503: service unavailable" when I opened {booking}. Is my booking lost?',
        'the website throws "Payment failed (code 51)" when I pay for {booking}, the {item} from {start}. What is wrong?',
        'I got "An error occurred, please try again" while I looked at {booking} ({item}). Did it work?',
    ),
    "packing_list": (
        "please give me a detailed packing list for {days} days in {region} from {start} with the {item}, as long "
        "as it needs to be.",
        "could you write a complete, detailed packing list for {count} people and {days} days around {shop}? We rent the {item}.",
        "I'd like a thorough list of everything to bring to {region} from {start} to {end}, day by day, with the {item} in mind.",
    ),
    "group_trip": (
        "I'm organising {days} days in {region} for a school class from {start}: please check and price the "
        "{item}, the {other}, the "
        "{third} and whatever else fits, for pickup in {shop}.",
        "our club needs the {item}, the {other} and the {third} from {start} to {end} in {shop}. Check all of it, "
        "with prices, please.",
    ),
    "many_dates": (
        "which week is the {item} free in {shop}? From {start} on any {days} days would do.",
        "we are flexible: please look for {days} days from {start} onwards on which {count} x {item} are free in {shop}.",
    ),
    "sold_out": (
        "are there {count} x {item} left in {shop} from {start} to {end}? It's the long weekend, I know.",
        "any chance of a {item} from {start} in {shop}, although it is the holidays?",
    ),
    "unknown_article": (
        "do you also lend {oddity}? We'd collect in {shop} on {start}.",
        "I'm looking for {oddity} for {days} days in {region}, from {start}.",
    ),
    "oddity": (
        "a drone",
        "a paraglider",
        "sled dogs",
        "an electric mountain bike",
        "a stand-up paddle board",
        "a hot tent stove",
        "a raft",
    ),
    "wrong_number": (
        "can you look up booking {old}? It is for the {item} in {shop}, I have it on a slip of paper.",
        "my friend gave me the number {old}: {item}, {start}. Is that right?",
    ),
    "was_it_done": (
        "did my cancellation of {old} go through? It was the {item} in {shop}.",
        "I cancelled {old} on the phone ({item}, {shop}). Can you confirm that it's gone?",
    ),
    "chip": (
        "How do I pick up a {category} order in {shop}?",
        "What do I need to bring to collect {category} in {shop}?",
        "Which documents do you need for renting {category} in {shop}?",
    ),
    "sibling": (
        "Can I return the {item} in another shop than {shop}?",
        "Is the gear cover included when I rent the {item} in {shop}?",
        "May I take the {item} abroad if I collect it in {shop}?",
        "Can I pay for the {item} in cash in {shop}?",
    ),
    "short": (
        *("Is the {item} from {shop} waterproof?", "How heavy is the {item} in {shop}?", "Is the {item} ok for {region}?"),
        *(
            "Deposit for {count} x {item}, {shop}?",
            "Does {shop} lend the {item} in May?",
            "Can I park in {shop} with the {item}?",
        ),
        *("Dogs in {shop} with the {item}?", "Is the {item} hard to use in {region}?"),
    ),
    "again": (
        "{text}",
        "{text}",
        "{text}",
        "{text} Could you answer that, please?",
        "That doesn't help me. {text}",
        "I'll ask again. {text}",
    ),
}
