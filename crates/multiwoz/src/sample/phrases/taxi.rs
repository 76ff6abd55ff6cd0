//! Patterns about taxis.

use super::Patterns;

pub(crate) const OPEN: Patterns = &[
    "I need a taxi from {from} to {to}.",
    "Please book me a taxi from {from} to {to}.",
    "Can you get me a taxi from {from} to {to}?",
    "I would like a taxi to take me from {from} to {to}.",
    "I want to go from {from} to {to} by taxi.",
];
pub(crate) const OPEN_LATER: Patterns = &[
    "I also need a taxi from {from} to {to}.",
    "Can you also book a taxi from {from} to {to}?",
    "I would also like a taxi between {from} and {to}.",
    "Now I need a taxi to get from {from} to {to}.",
    "Please also get me a taxi from {from} to {to}.",
];
pub(crate) const OPEN_TO: Patterns = &[
    "I need a taxi to {to}.",
    "Can you book a taxi to {to}?",
    "I am looking for a taxi that takes me to {to}.",
    "Please get me a taxi to {to}.",
];
pub(crate) const OPEN_FROM: Patterns = &[
    "I need a taxi from {from}.",
    "Can a taxi pick me up at {from}?",
    "I would like a taxi that picks me up at {from}.",
];
pub(crate) const ADD_LEAVE: Patterns =
    &["I would like to leave at {time}.", "It should pick me up at {time}.", "I want to leave by {time}."];
pub(crate) const ADD_ARRIVE: Patterns =
    &["I need to be there by {time}.", "I should arrive by {time}.", "Please make sure I get there by {time}."];
pub(crate) const ADD_ARRIVE_BOOKING: Patterns = &[
    "It should get me there in time for my booking.",
    "I need to be there by the time of the reservation.",
    "Please make sure I arrive in time for the booked table.",
];
pub(crate) const ASK_DEPARTURE: Patterns =
    &["Where should the taxi pick you up?", "Where will you be leaving from?", "What is the pickup address?"];
pub(crate) const ANSWER_DEPARTURE: Patterns =
    &["From {from}, please.", "Please pick me up at {from}.", "I will be at {from}.", "I am leaving from {from}."];
pub(crate) const ASK_DESTINATION: Patterns =
    &["Where would you like to go?", "What is your destination?", "Where should the taxi take you?"];
pub(crate) const ANSWER_DESTINATION: Patterns =
    &["To {to}, please.", "I want to go to {to}.", "Please take me to {to}.", "My destination is {to}."];
pub(crate) const ASK_TIME: Patterns = &[
    "What time would you like to leave or arrive?",
    "When do you want to leave, or when should you be there?",
    "At what time do you need the taxi?",
    "What time should I book it for?",
];
pub(crate) const BOOKED: Patterns = &[
    "I have booked {a_car} for you. The contact number is {phone}.",
    "Your taxi from {from} to {to} is booked: {a_car}. The phone number is {phone}.",
    "Done. Look for {a_car}. You can reach the driver on {phone}.",
];
pub(crate) const BOOKED_LEAVE: Patterns = &[
    "{a_car} will pick you up at {from} at {time}. The contact number is {phone}.",
    "Your taxi is booked for {time}. It is {a_car}, and the number is {phone}.",
];
pub(crate) const BOOKED_ARRIVE: Patterns = &[
    "{a_car} will bring you to {to} by {time}. The contact number is {phone}.",
    "Your taxi is booked and gets you there by {time}. It is {a_car}, and the number is {phone}.",
];
pub(crate) const ASK_CAR: Patterns =
    &["What kind of car is it?", "What car should I look for?", "What colour is the taxi?"];
pub(crate) const CAR: Patterns = &["It is {a_car}.", "Please look for {a_car}.", "The taxi is {a_car}."];
/// What drives in Fernbridge.
pub(crate) const CARS: Patterns = &[
    "white saloon",
    "black saloon",
    "grey estate car",
    "blue hatchback",
    "red hatchback",
    "yellow minibus",
    "green estate car",
    "silver van",
    "black minibus",
    "white van",
];
