//! Patterns about trains.

use super::Patterns;

pub(crate) const OPEN: Patterns = &[
    "I want to travel {route}.",
    "I have to go {route} by train.",
    "Can you tell me about trains {route}?",
    "How can I get {route} by train?",
    "I would like to take a train {route}.",
    "Are there any trains {route}?",
];
pub(crate) const ASK_DEPARTURE: Patterns = &[
    "Where will you be leaving from?",
    "From which station are you travelling?",
    "Where does your journey start?",
    "What is your departure station?",
];
pub(crate) const ANSWER_DEPARTURE: Patterns = &[
    "I am leaving from {from}.",
    "From {from}, please.",
    "I will depart from {from}.",
    "My journey starts in {from}.",
];
pub(crate) const ASK_DESTINATION: Patterns =
    &["Where would you like to go?", "What is your destination?", "Where are you travelling to?"];
pub(crate) const ANSWER_DESTINATION: Patterns =
    &["I want to go to {to}.", "To {to}, please.", "My destination is {to}.", "I am travelling to {to}."];
pub(crate) const ASK_DAY: Patterns = &[
    "On what day will you be travelling?",
    "Which day would you like to travel?",
    "What day do you need the train for?",
];
pub(crate) const ANSWER_DAY: Patterns =
    &["On {day}, please.", "I am travelling on {day}.", "I would like to go on {day}.", "{day}, please."];
pub(crate) const ASK_TIME: Patterns = &[
    "When would you like to leave or arrive?",
    "What time would you like to travel?",
    "Is there a time you need to leave or arrive by?",
    "At what time do you want to leave or arrive?",
];
pub(crate) const ANSWER_LEAVE: Patterns = &[
    "I would like to leave after {time}.",
    "Any time after {time} is fine.",
    "I can not leave before {time}.",
    "Sometime after {time}, please.",
];
pub(crate) const ANSWER_ARRIVE: Patterns = &[
    "I need to arrive by {time}.",
    "I have to be there by {time}.",
    "I would like to arrive by {time}.",
    "It should get there by {time}.",
];
pub(crate) const COUNT: Patterns =
    &["There are {n} trains that day.", "I have found {n} trains.", "{n} trains go from {from} to {to} on {day}."];
pub(crate) const OFFER: Patterns = &[
    "{id} leaves {from} at {leaves} and arrives in {to} at {arrives}.",
    "There is a train at {leaves} that gets to {to} at {arrives}. It is {id}.",
    "I recommend {id}. It departs at {leaves} and arrives at {arrives}.",
    "The best train is {id}, leaving at {leaves} and arriving at {arrives}.",
    "How about {id}? It leaves at {leaves} and gets to {to} at {arrives}.",
    "You can take {id}, which departs from {from} at {leaves} and arrives at {arrives}.",
];
pub(crate) const QUESTION: Patterns = &[
    "Shall I book it for you?",
    "Would you like a ticket?",
    "Would you like me to book tickets?",
    "Does that work for you?",
    "Should I book a seat?",
];
pub(crate) const NO_ARRIVAL: Patterns = &[
    "I am sorry, no train arrives in {to} by {time} on {day}. The first one, {id}, arrives at {arrives}. Would that work?",
    "Unfortunately no train gets there by {time} on {day}. The earliest is {id}, which arrives at {arrives}. Is that all right?",
];
pub(crate) const NO_DEPARTURE: Patterns = &[
    "I am sorry, no train leaves {from} after {time} on {day}. The last one, {id}, leaves at {leaves}. Would that work?",
    "Unfortunately there is no train after {time} on {day}. The latest is {id}, which leaves at {leaves}. Is that all right?",
];
pub(crate) const LATER: Patterns =
    &["Is there a later one?", "That is too early. What is the next train?", "Do you have a later train?"];
pub(crate) const EARLIER: Patterns =
    &["Is there an earlier one?", "That is too late. Is there a train before that?", "Do you have an earlier train?"];
pub(crate) const OTHER_OFFER: Patterns = &[
    "Yes, {id} leaves at {leaves} and arrives at {arrives}.",
    "There is also {id}. It departs at {leaves} and arrives at {arrives}.",
    "You could take {id} at {leaves}, which arrives at {arrives}.",
];
pub(crate) const ASK_PRICE: Patterns =
    &["How much is a ticket?", "What is the price?", "How much does it cost?", "What does a ticket cost?"];
pub(crate) const PRICE: Patterns =
    &["A ticket is {price} pounds.", "It costs {price} pounds.", "The price is {price} pounds for each ticket."];
pub(crate) const ASK_DURATION: Patterns =
    &["How long does it take?", "What is the travel time?", "How long is the journey?"];
pub(crate) const DURATION: Patterns =
    &["The journey takes {minutes} minutes.", "It takes {minutes} minutes.", "The travel time is {minutes} minutes."];
pub(crate) const ASK_ARRIVAL: Patterns =
    &["When does it arrive?", "What time will I get to {to}?", "What is the arrival time?"];
pub(crate) const ARRIVAL: Patterns =
    &["It arrives at {arrives}.", "You will get to {to} at {arrives}.", "{id} arrives in {to} at {arrives}."];
pub(crate) const BOOK: Patterns = &[
    "Yes, please book {tickets}.",
    "Yes, I need {tickets}.",
    "That works. Can you book {tickets}?",
    "Great, {tickets}, please.",
    "Yes, please make a booking for {people}.",
];
pub(crate) const BOOK_SAME_PEOPLE: Patterns = &[
    "Yes, please book it for the same group of people.",
    "Yes, we need seats for the same number of people.",
    "Great, please book tickets for the same people.",
];
pub(crate) const BOOK_PLAIN: Patterns =
    &["Yes, please book it.", "Yes, that works for me.", "Please make a booking.", "Yes, that train is fine."];
pub(crate) const ASK_TICKETS: Patterns =
    &["How many tickets do you need?", "For how many people?", "Certainly. How many people will travel?"];
pub(crate) const TICKETS: Patterns =
    &["I need {tickets}.", "For {people}, please.", "{tickets}, please.", "It is for {people}."];
pub(crate) const BOOKED: Patterns = &[
    "I have booked {tickets} for {id}. The total is {total} pounds. The reference number is {reference}.",
    "Done: {tickets} for {id} on {day}, {total} pounds in total. Your reference number is {reference}.",
    "Your booking for {id} was successful. You pay {total} pounds at the station. The reference number is {reference}.",
    "All set. {id} leaves at {leaves} on {day}. It is {total} pounds for {tickets}. The reference is {reference}.",
];
pub(crate) const DECLINE: Patterns = &[
    "I do not need a ticket yet, thank you.",
    "No booking for now, thanks.",
    "I will buy the ticket at the station.",
    "No need to book, I only wanted to know the time.",
];
