//! Patterns about restaurants and tables.

use super::{Patterns, VenuePatterns};

pub(crate) const ASK_FOOD: Patterns = &[
    "What kind of food would you like?",
    "Do you have a kind of food in mind?",
    "Is there a cuisine you prefer?",
    "What type of food are you looking for?",
];
pub(crate) const ANSWER_FOOD: Patterns = &[
    "I would like {food} food, please.",
    "{food} food, please.",
    "{food} would be great.",
    "I am in the mood for {food} food.",
    "How about {food} food?",
    "Let us try {food}.",
];
pub(crate) const ASK_WHAT_FOOD: Patterns =
    &["What kind of food do they serve?", "What food does {name} serve?", "What do they have to eat?"];
pub(crate) const WHAT_FOOD: Patterns =
    &["They serve {food} food.", "{name} serves {food} food.", "It is {a_food} restaurant."];

pub(crate) const PATTERNS: VenuePatterns = VenuePatterns {
    open: &[
        "I would like to eat at {a_what}.",
        "We want to go out for dinner. Is there {a_what}?",
        "I am hungry and would love {a_what}.",
        "Where can I eat? I am thinking of {a_what}.",
        "I would like to have lunch at {a_what}.",
        "My family wants to eat at {a_what}. What do you suggest?",
    ],
    describe: &[
        "{name} serves {food} food in the {area} and is {price}.",
        "I recommend {name}. It is {a_price} {food} restaurant in the {area}.",
        "How about {name}? It serves {food} food in the {area} and is {price}.",
        "There is {name} in the {area}. It serves {food} food and is {price}.",
        "You could try {name}, {a_price} {food} restaurant in the {area}.",
        "{name} is {a_price} {food} restaurant in the {area}.",
        "I would suggest {name} in the {area}. The food is {food} and it is {price}.",
        "A good choice would be {name}, which serves {food} food and is {price}.",
    ],
    describe_other: &[
        "There is also {name}. It serves {food} food in the {area} and is {price}.",
        "Another choice is {name}, {a_price} {food} restaurant in the {area}.",
        "Yes, {name} is in the {area}. It serves {food} food and is {price}.",
        "You could also try {name}. It is {a_price} {food} restaurant in the {area}.",
    ],
    question: &[
        "Would you like a table?",
        "Shall I book a table for you?",
        "Would you like me to make a booking?",
        "Does that sound good?",
        "Should I reserve a table?",
    ],
    book: &[
        "Yes, please book a table for {people} on {day} at {time}.",
        "Great, can you book it for {people} at {time} on {day}?",
        "That sounds good. I need a table for {people} on {day} at {time}.",
        "Please reserve a table there for {people}, {day} at {time}.",
        "Yes, I would like to book a table for {people} at {time} on {day}.",
        "Perfect. Please make a booking for {people} on {day} at {time}.",
    ],
    book_same_people: &[
        "Yes, please book a table for the same group of people at {time} on {day}.",
        "Great, please reserve a table on {day} at {time} for the same number of people.",
        "Yes, the same people will come, on {day} at {time}.",
    ],
    book_plain: &[
        "Yes, please book a table.",
        "Yes, that would be great.",
        "I would like to book a table there.",
        "Yes, please make a booking.",
        "Can you book it for me?",
    ],
    ask_details: &[
        "Certainly. For how many people, and on what day and at what time?",
        "Of course. What day and time would you like, and how many people will come?",
        "For which day and time, and for how many people?",
        "I can do that. How many people will there be, and when would you like to come?",
    ],
    details: &[
        "For {people}, on {day} at {time}.",
        "It is for {people} on {day} at {time}.",
        "On {day} at {time}, for {people}, please.",
        "{day} at {time}, please. There will be {people}.",
        "A table for {people} at {time} on {day}.",
    ],
    booked: &[
        "Your table at {name} is booked for {people} on {day} at {time}. The reference number is {reference}.",
        "I have booked a table at {name} for {people} on {day} at {time}. Your reference number is {reference}.",
        "Done. {name} expects you on {day} at {time}, for {people}. The reference number is {reference}.",
        "The booking was successful: {name}, {day} at {time}, {people}. Your reference number is {reference}.",
        "All set. I have reserved a table for {people} on {day} at {time}. The reference is {reference}.",
    ],
    not_booked: &[
        "I am sorry, {name} has no free table on {day} at {time}. Would you like another time or day?",
        "Unfortunately there is no table at {time} on {day}. Shall I try a different time or day?",
        "I am afraid {name} is full on {day} at {time}. Would another time or day work?",
    ],
    other_day: &[
        "Could you try {day} instead?",
        "Then how about {day} at the same time?",
        "Would {day} be possible?",
        "Let us do {day} then.",
    ],
    other_time: &[
        "How about {time}?",
        "Then try {time}, please.",
        "Is {time} possible?",
        "Could you see if they have a table at {time}?",
    ],
    decline: &[
        "I do not need a table yet, thank you.",
        "No booking for now, thanks.",
        "I will book it myself later.",
        "No need to book, I only wanted the name.",
    ],
};
