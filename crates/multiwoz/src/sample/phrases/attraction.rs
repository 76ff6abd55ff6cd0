//! Patterns about things to see.

use super::{Patterns, VenuePatterns};

pub(crate) const ASK_TYPE: Patterns = &[
    "What kind of attraction are you interested in?",
    "Is there a kind of place you would like to see?",
    "Would you like a museum, a park or something else?",
    "What would you like to see?",
];
pub(crate) const ANSWER_TYPE: Patterns = &[
    "I would like to see {a_type}.",
    "{a_type}, please.",
    "Maybe {a_type}.",
    "I am interested in {a_type}.",
    "I was thinking of {a_type}.",
];
pub(crate) const ASK_FEE: Patterns = &[
    "How much is the entrance fee?",
    "What does it cost to get in?",
    "Is there an entrance fee?",
    "How much does {name} cost?",
];
pub(crate) const ASK_KIND: Patterns =
    &["What kind of place is it?", "What type of attraction is that?", "What is {name}?"];
pub(crate) const KIND: Patterns = &["It is {a_type}.", "{name} is {a_type}.", "It is {a_type} in the {area}."];
pub(crate) const FREE: Patterns = &["Entrance is free.", "It is free to enter.", "There is no entrance fee."];
pub(crate) const FEE: Patterns =
    &["The entrance fee is {fee} pounds.", "Entrance costs {fee} pounds.", "A ticket is {fee} pounds."];

pub(crate) const PATTERNS: VenuePatterns = VenuePatterns {
    open: &[
        "I would like to visit {a_what}.",
        "What can I see in Fernbridge? I would like {a_what}.",
        "I have a free afternoon and want to see {a_what}.",
        "We are looking for something to do. Is there {a_what}?",
        "I want to take my children to {a_what}.",
    ],
    describe: &[
        "{name} is {a_type} in the {area}. {entrance}",
        "I recommend {name}, {a_type} in the {area}. {entrance}",
        "How about {name}? It is {a_type} in the {area}.",
        "You might enjoy {name}. It is {a_type} in the {area}. {entrance}",
        "There is {name} in the {area}. It is {a_type}. {entrance}",
        "{name} is very popular. It is {a_type} in the {area}.",
        "You could visit {name}, {a_type} in the {area}. {entrance}",
    ],
    describe_other: &[
        "There is also {name}, {a_type} in the {area}. {entrance}",
        "Another choice is {name}. It is {a_type} in the {area}.",
        "You might also like {name}, {a_type} in the {area}. {entrance}",
        "Yes, {name} is {a_type} in the {area}.",
    ],
    question: &[
        "Would you like to know more?",
        "Does that sound good?",
        "Would you like the address?",
        "Would that interest you?",
    ],
    book: &[],
    book_same_people: &[],
    book_plain: &[],
    ask_details: &[],
    details: &[],
    booked: &[],
    not_booked: &[],
    other_day: &[],
    other_time: &[],
    decline: &[
        "That sounds lovely.",
        "Great, I will go there.",
        "Perfect, that is just what I wanted.",
        "Sounds good, I will have a look at it.",
    ],
};
