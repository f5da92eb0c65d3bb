"""What the agent answers, in parts that are put together; the words in braces come from the situation."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "dear": (
        "Hello {first},",
        "Hi {first}!",
        "Of course, {first}.",
        "Good to hear from you, {first}.",
        "Sure, {first}.",
        "With pleasure.",
    ),
    "close": (
        *("Tell me if you would like anything else.", "I'm here if you need more.", "Have a good time in {region}!"),
        *("Enjoy the mountains!", "Is there something else I can do?", "See you in {shop}.", "Safe travels, {first}."),
        "Feel free to ask about anything that is still open.",
    ),
    "pickup": (
        "The desk in {shop} is open from {opens} to {closes}.",
        "You can collect everything in {shop} from {opens}.",
        "Pickup is in {shop}, any time between {opens} and {closes}.",
        "On Sundays {shop} is {sunday}, so plan your pickup accordingly.",
    ),
    "found": (
        "For {count} people I would take the {item}; it costs {daily} {currency} a day. The {other} "
        "({other_daily} {currency}) and the "
        "{third} ({third_daily} {currency}) would do as well.",
        "Three things fit: the {item} at {daily} {currency}, the {other} at {other_daily} {currency} and the "
        "{third} at {third_daily} "
        "{currency} a day.",
        "Have a look at the {item} ({daily} {currency} a day). If it is taken, the {other} is close to it at "
        "{other_daily} {currency}.",
    ),
    "free": (
        "the {item} is free from {start} to {end} in {shop}, at {total} {currency} for {days} days.",
        "yes, we have the {item} for you from {start} until {end}; {count} of them cost {total} {currency}.",
        "you're in luck: between {start} and {end} the {item} is available for {total} {currency} in all.",
    ),
    "quoted": (
        "{count} x {item} for {days} days come to {total} {currency}, that is {daily} {currency} a piece and day. "
        "The deposit is {deposit} "
        "{currency}.",
        "the {item} costs {daily} {currency} a day, so {days} days with {count} of them are {total} {currency}. "
        "We reserve {deposit} "
        "{currency} on your card.",
        "your quote: {total} {currency} for {count} x {item}, {start} to {end}. A deposit of {deposit} {currency} comes on top.",
    ),
    "booked": (
        "I've booked {count} x {item} from {start} to {end}. Your booking number is {booking}, the total {total} {currency}.",
        "done: {booking} is confirmed, {count} x {item}, {start} to {end}, {total} {currency}.",
        "your reservation {booking} is in place. {count} x {item} will wait for you in {shop} on {start}; it "
        "comes to {total} {currency}.",
    ),
    "mailed": (
        "The confirmation is on its way to {email}.",
        "I've sent the details to {email}.",
        "You will find it all in your mail, {email}.",
    ),
    "changed": (
        "I've moved {booking}: it now runs from {start} to {end}. The new total is {total} {currency}.",
        "{booking} has been changed to {start} - {end}; you pay {total} {currency} now.",
        "that worked, {booking} begins on {start} and ends on {end}, for {total} {currency}.",
    ),
    "cancelled": (
        "I've cancelled {old}. You get {total} {currency} back within five working days.",
        "{old} has been cancelled free of charge, and {total} {currency} will return to your card.",
        "your booking {old} is cancelled now. The {total} {currency} you paid are refunded in the next days.",
    ),
    "refunded": (
        "I've refunded the deposit of {deposit} {currency} for {old}; it should arrive within five working days.",
        "the deposit for {old}, {deposit} {currency}, has been paid back to your card.",
    ),
    "emailed": (
        "I've sent the confirmation of {booking} to {email}. Have a look at the junk folder if it isn't there in ten minutes.",
        "the mail with {booking} has been sent to {email}.",
        "I've mailed you {booking} once more, to {email}.",
    ),
    "booking_state": (
        "{booking} is confirmed: {count} x {item}, {start} to {end}, pickup in {shop}.",
        "all is well with {booking}. It holds {count} x {item} from {start} to {end}.",
        "I see {count} x {item} on {booking}, from {start} until {end} in {shop}, {total} {currency} in all.",
    ),
    "forecast": (
        "the forecast for {region} on {start} says {sky}, between {low} and {high} °C.",
        "{region} expects {sky} on {start}: {low} °C in the night, up to {high} °C during the day.",
    ),
    "gear_advice": (
        "The {item} copes well with that.",
        "With the {item} and a warm layer you are well equipped.",
        "I would add a dry bag and leave early.",
        "For that the {item} is a good choice, but bring a spare pair of gloves.",
    ),
    "parcel": (
        "your parcel for {booking} is {stage}, step {step} of 4.",
        "{booking} with the {item} is {stage} at the moment.",
    ),
    "house_rule": (
        "{rule} {detail}",
        "our rules on {title} are simple. {rule} {detail}",
        "in short: {rule} And {detail_low}",
    ),
    "policy_whole": ("here are our rules on {title} in full.", "I copy the whole text on {title} for you:"),
    "sunday_short": ("On Sundays: {sunday}.", "It is {sunday} on Sundays.", "{shop}: {sunday}."),
    "closing_short": ("Until {closes}.", "At {closes}.", "Until {closes} on weekdays."),
    "opening_short": ("From {opens} to {closes}.", "{opens} to {closes}.", "Daily from {opens} to {closes}."),
    "welcome": ("You're welcome!", "My pleasure.", "Gladly, {first}. Enjoy the trip!", "Anytime."),
    "device_explained": (
        "that message means that the self-test wasn't finished. Switch the device off for ten seconds and on "
        "again; if the error comes "
        "back, bring it to {shop} and we replace it at once.",
        "no need to worry: such an error is mostly a cold battery, and the test failed because of it. Warm it up "
        "and restart; otherwise "
        "{shop} swaps the {item} free of charge.",
    ),
    "page_explained": (
        "that error comes from the page, not from your booking: nothing is lost, and {booking} is confirmed. Wait "
        "a minute and try again.",
        "the error only says that the page was busy for a moment. {booking} is confirmed, and no payment has failed on our side.",
    ),
    "gone": (
        "I'm sorry, the {item} is sold out in {shop} from {start} to {end}.",
        "unfortunately every {item} in {shop} is taken from {start} on. I apologise, it is the busiest weekend of the year.",
    ),
    "alternative": ("The {other} is still free and costs {other_daily} {currency} a day.", "I can offer the {third} instead."),
    "not_lent": (
        "I'm afraid we don't lend {oddity}; nothing in our catalogue comes near it.",
        "we have no entry for {oddity} in any of our six shops.",
    ),
    "not_found": (
        "I can't find a booking with the number {old}. Could you check the letters? Ours begin with TF.",
        "there is no booking {old} in our records. Please have another look at the slip, a letter may be mixed up.",
    ),
    "was_cancelled": (
        "yes: {old} was cancelled and nothing more will be charged.",
        "it went through, {old} has the status cancelled.",
    ),
    "desk": (
        "Bring the booking number and an identity card to {shop}; the desk hands out {category} from {opens} to {closes}.",
        "You need your booking number and an identity card. {category_cap} are handed out in {shop} between "
        "{opens} and {closes}.",
    ),
    "other_week": (
        "I looked at {weeks} weeks. From {start} on the {item} is taken, but {days} days from {free} are free.",
        "the first free period for the {item} in {shop} begins on {free}; I can hold it for you.",
    ),
    "whole_group": (
        "for the whole group I have checked three articles: {item} {daily}, {other} {other_daily}, {third} "
        "{third_daily} {currency} a day. "
        "All of them are free in {shop} from {start} to {end}.",
        "everything you asked for is available from {start} to {end}. A day costs {daily} {currency} for the "
        "{item}, {other_daily} "
        "{currency} for the {other} and {third_daily} {currency} for the {third}.",
    ),
    "sibling_yes": (
        "Yes, that is possible, and it costs nothing extra.",
        "Yes, that's fine in {shop}.",
        "Yes, you may. Just mention it at the desk in {shop}.",
    ),
    "sibling_no": (
        "No, I'm afraid that isn't possible in {shop}.",
        "No. Our rules don't allow that for the {item}.",
        "No, that is excluded, whatever the desk may say.",
    ),
    "packing_intro": (
        "here is everything that I would take to {region} for {days} days. Strike out what you have at home.",
        "the list below is long because you asked for all of it. It starts with what we lend and ends with the days.",
    ),
    "short_fact": (
        "Yes, it is.",
        "No problem at all.",
        "Yes, as long as you tell the desk.",
        "About what you would expect of its size.",
    ),
    "evasive": (
        "I'm not sure that I understand. Could you tell me a little more about your plans?",
        "Thank you for your message! We lend tents, backpacks, boats and much more in six shops.",
        "There is a lot to say about that. Generally it depends on the season and on the region.",
        "Let me know what exactly you would like to do, and I will be happy to help.",
    ),
    "tried": (
        "I couldn't reach the inventory a moment ago, but the second look worked.",
        "It took a little longer than usual, sorry for the wait.",
    ),
    "unreachable": (
        "I wasn't able to check the dates just now, as the inventory doesn't answer. Please write again in an "
        "hour, or call {shop}.",
        "the calendar of {shop} is out of reach at the moment, so I can't promise anything. I have noted your "
        "dates, {start} to {end}.",
    ),
}
