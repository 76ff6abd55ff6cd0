//! Patterns about hotels, guesthouses and rooms.

use super::{Patterns, VenuePatterns};

pub(crate) const ASK_TYPE: Patterns = &[
    "Would you prefer a hotel or a guesthouse?",
    "Are you looking for a hotel or a guesthouse?",
    "Should it be a hotel or a guesthouse?",
];
pub(crate) const ANSWER_TYPE: Patterns =
    &["A {type}, please.", "I would prefer a {type}.", "A {type} would be nice.", "I am looking for a {type}."];
pub(crate) const ASK_STARS: Patterns =
    &["How many stars should it have?", "Do you have a star rating in mind?", "Is there a star rating you would like?"];
pub(crate) const ANSWER_STARS: Patterns =
    &["It should have {stars} stars.", "{stars} stars, please.", "I would like {stars} stars."];
pub(crate) const ASK_PARKING: Patterns =
    &["Do you need parking?", "Will you need a place to park?", "Should it have free parking?"];
pub(crate) const ANSWER_PARKING: Patterns =
    &["Yes, I need parking.", "Yes, free parking, please.", "Yes, I am coming by car."];
pub(crate) const ASK_INTERNET: Patterns =
    &["Do you need free wifi?", "Should it have wifi?", "Will you need internet?"];
pub(crate) const ANSWER_INTERNET: Patterns =
    &["Yes, I need wifi.", "Yes, it should have free wifi.", "Yes, I have to work, so I need internet."];
pub(crate) const ANSWER_NOT_NEEDED: Patterns =
    &["No, that does not matter.", "No, I do not need that.", "It is not important."];
pub(crate) const ASK_IF_PARKING: Patterns =
    &["Does it have parking?", "Do they have parking?", "Can I park there?", "Does {name} have free parking?"];
pub(crate) const HAS_PARKING: Patterns =
    &["Yes, it has free parking.", "Yes, {name} has free parking.", "Yes, you can park there for free."];
pub(crate) const NO_PARKING: Patterns =
    &["No, it has no parking.", "I am sorry, {name} has no parking.", "No, you can not park there."];
pub(crate) const ASK_IF_INTERNET: Patterns =
    &["Does it have wifi?", "Do they have internet?", "Is there free wifi?", "Does {name} have wifi?"];
pub(crate) const HAS_INTERNET: Patterns =
    &["Yes, it has free wifi.", "Yes, {name} has free wifi.", "Yes, wifi is included."];
pub(crate) const NO_INTERNET: Patterns =
    &["No, it has no wifi.", "I am sorry, {name} has no wifi.", "No, there is no internet."];
pub(crate) const ASK_HOW_MANY_STARS: Patterns =
    &["How many stars does it have?", "What is the star rating?", "How many stars does {name} have?"];
pub(crate) const HOW_MANY_STARS: Patterns =
    &["It has {stars} stars.", "{name} has {stars} stars.", "It is a {stars}-star {type}."];

pub(crate) const PATTERNS: VenuePatterns = VenuePatterns {
    open: &[
        "I need a place to sleep. Is there {a_what}?",
        "I am coming to Fernbridge and have nowhere to sleep yet. Is there {a_what}?",
        "Where can I stay? I would like {a_what}.",
        "I want to book {a_what}.",
        "I am spending a few nights in Fernbridge and need {a_what}.",
        "My wife and I need {a_what}.",
    ],
    describe: &[
        "{name} is {a_price} {stars}-star {type} in the {area}.",
        "I recommend {name}. It is {a_price} {type} in the {area} with {stars} stars.",
        "How about {name}? It is {a_price} {type} in the {area} with {amenities}.",
        "There is {name}, {a_price} {type} in the {area} with {stars} stars.",
        "You could stay at {name}. It has {stars} stars and {amenities}, and it is {price}.",
        "{name} in the {area} would suit you. It is {a_price} {type} with {amenities}.",
        "A nice choice is {name}, {a_price} {stars}-star {type} with {amenities}.",
    ],
    describe_other: &[
        "There is also {name}, {a_price} {type} in the {area} with {stars} stars.",
        "Another choice is {name}. It has {stars} stars and {amenities}.",
        "Yes, {name} in the {area} is {price} and has {stars} stars.",
        "You could also stay at {name}, {a_price} {stars}-star {type} in the {area}.",
    ],
    question: &[
        "Would you like to book a room?",
        "Shall I book it for you?",
        "Would you like me to reserve a room?",
        "Does that sound good?",
        "Should I make a booking?",
    ],
    book: &[
        "Yes, please book it for {people} and {nights} from {day}.",
        "Great, I need a room for {people} for {nights}, starting on {day}.",
        "Please book {nights} for {people}, starting {day}.",
        "That sounds good. Can you book it for {people}? I will arrive on {day} and stay {nights}.",
        "Yes, I would like to stay {nights} from {day}. It is for {people}.",
        "Perfect. Please make a booking for {people}, {nights}, from {day}.",
    ],
    book_same_people: &[
        "Yes, please book it for the same group of people, {nights} from {day}.",
        "Great, the same number of people will stay there for {nights} from {day}.",
        "Yes, please reserve {nights} from {day} for the same people.",
    ],
    book_plain: &[
        "Yes, please book it.",
        "Yes, that would be great.",
        "I would like to book a room there.",
        "Yes, please make a booking.",
        "Can you reserve it for me?",
    ],
    ask_details: &[
        "Certainly. On what day will you arrive, how many nights will you stay, and for how many people is it?",
        "Of course. How many people, how many nights, and from which day?",
        "From which day, for how many nights and for how many people?",
        "I can do that. When will you arrive, how long will you stay, and how many people are coming?",
    ],
    details: &[
        "For {people}, {nights} from {day}.",
        "I will arrive on {day} and stay {nights}. It is for {people}.",
        "It is for {people} and {nights}, starting on {day}.",
        "{nights} from {day}, for {people}, please.",
        "Starting {day}, {nights}, {people}.",
    ],
    booked: &[
        "I have booked {name} for {people}, {nights} from {day}. The reference number is {reference}.",
        "Your room at {name} is booked for {people} and {nights} from {day}. Your reference number is {reference}.",
        "Done. You will stay at {name} from {day} for {nights}. The reference number is {reference}.",
        "The booking was successful: {name}, {people}, {nights} from {day}. Your reference number is {reference}.",
        "All set. {name} expects you on {day}, for {nights}. The reference is {reference}.",
    ],
    not_booked: &[
        "I am sorry, {name} has no room for {nights} from {day}. Would another day or a shorter stay work?",
        "Unfortunately {name} is full for {nights} from {day}. Would you like to try another day or a shorter stay?",
        "I could not book {nights} from {day}. Shall I try a different day or fewer nights?",
    ],
    other_day: &[
        "Could you try {day} instead?",
        "How about starting on {day}?",
        "I could also arrive on {day}.",
        "Let us try {day} then.",
    ],
    other_time: &[
        "How about {nights}?",
        "Then try {nights}, please.",
        "I could stay only {nights}.",
        "Would {nights} be possible?",
    ],
    decline: &[
        "I do not need a booking yet, thank you.",
        "No booking for now, thanks.",
        "I will think about it before I book.",
        "No need to book, I only wanted the information.",
    ],
};
