//! Patterns that fit any domain: greeting, searching, choosing, asking for facts, thanking.

use super::Patterns;

pub(crate) const HELLO: Patterns = &[
    "Hello.",
    "Hi, can you help me?",
    "Good morning. I need some help.",
    "Hello, I am planning a trip to Fernbridge.",
    "Hi there.",
    "Good evening. Can you help me with my trip?",
    "Hello, I am new in town and need some information.",
];
pub(crate) const HELLO_REPLY: Patterns = &[
    "Hello! How can I help you?",
    "Hello, what can I do for you?",
    "Of course. What are you looking for?",
    "Welcome to Fernbridge! How may I help you?",
    "Certainly. What do you need?",
    "I would be happy to help. What are you looking for?",
];
pub(crate) const OPEN: Patterns = &[
    "I am looking for {a_what}.",
    "I need {a_what}, please.",
    "Can you help me find {a_what}?",
    "Can you recommend {a_what}?",
    "Could you find me {a_what}?",
    "I would like to find {a_what}.",
    "Is there {a_what}?",
    "Please find me {a_what}.",
    "I am trying to find {a_what}.",
    "Do you know {a_what}?",
    "I want {a_what}.",
    "I am in search of {a_what}.",
];
pub(crate) const OPEN_SHORT: Patterns = &[
    "{what}",
    "{what}, please.",
    "Are there any {whats}?",
    "What {whats} are there?",
    "Show me some {whats}.",
    "Any {whats}?",
];
pub(crate) const OPEN_POLITE: Patterns = &[
    "Hello, I am looking for {a_what}.",
    "Hi, I need {a_what}.",
    "Hello, can you help me find {a_what}?",
    "Good morning. I would like {a_what}.",
    "Hi, could you recommend {a_what}?",
    "I am visiting Fernbridge and need {a_what}.",
    "I will be in Fernbridge soon. Can you find me {a_what}?",
];
pub(crate) const OPEN_LATER: Patterns = &[
    "I also need {a_what}.",
    "I am also looking for {a_what}.",
    "Can you also find me {a_what}?",
    "I would also like {a_what}, please.",
    "Now I need {a_what}.",
    "Could you also recommend {a_what}?",
    "Next, I would like to find {a_what}.",
    "One more thing: I need {a_what}.",
    "And is there {a_what}?",
];
pub(crate) const OPEN_AFTER_QUESTION: Patterns = &[
    "Yes, I also need {a_what}.",
    "Yes, I am looking for {a_what} too.",
    "Yes, please find me {a_what}.",
    "Yes, can you also help me find {a_what}?",
    "Actually, yes. I would like {a_what} as well.",
    "Yes, I am also looking for {a_what}.",
];
pub(crate) const OPEN_NAMED: Patterns = &[
    "Can you tell me about {name}?",
    "Do you have any information about {name}?",
    "I am looking for a {place} called {name}.",
    "I have heard of a {place} called {name}. What can you tell me about it?",
    "What do you know about {name}?",
    "A friend told me about {name}. Do you know it?",
];
pub(crate) const OPEN_NAMED_LATER: Patterns = &[
    "Can you also tell me about {name}?",
    "I am also interested in a {place} called {name}.",
    "I also need some information about {name}.",
];
pub(crate) const COUNT: Patterns = &[
    "There are {n} {whats}.",
    "I have found {n} {whats}.",
    "We have {n} {whats}.",
    "I can offer you {n} {whats}.",
    "I see {n} {whats}.",
];
pub(crate) const ONLY: Patterns =
    &["I have found one {what}.", "There is only one {what}.", "There is one {what}.", "I have exactly one {what}."];
pub(crate) const ACKNOWLEDGE: Patterns = &["Certainly.", "Of course.", "Sure.", "No problem.", "All right.", "Gladly."];
pub(crate) const ASK_AREA: Patterns = &[
    "Which part of town do you prefer?",
    "Is there an area of town you would like?",
    "Do you have a preference for the area?",
    "In which area should it be?",
    "What area would you like?",
];
pub(crate) const ANSWER_AREA: Patterns = &[
    "In the {area}, please.",
    "The {area} would be best.",
    "I would like to be in the {area}.",
    "Somewhere in the {area}, please.",
    "It should be in the {area}.",
    "I prefer the {area}.",
];
pub(crate) const ASK_PRICE: Patterns = &[
    "What price range do you have in mind?",
    "Would you like something cheap, moderate or expensive?",
    "How much would you like to spend?",
    "Do you have a price range in mind?",
];
pub(crate) const ANSWER_PRICE: Patterns = &[
    "Something {price}, please.",
    "I would like something {price}.",
    "It should be {price}.",
    "I am looking for something {price}.",
    "Preferably {price}.",
];
pub(crate) const ANSWER_ANY: Patterns = &[
    "It does not matter.",
    "I do not mind.",
    "I do not have a preference.",
    "Anything is fine.",
    "No, any {slot} is fine.",
    "I do not care about the {slot}.",
    "No preference, thank you.",
    "Surprise me.",
];
pub(crate) const NO_MATCH_ALTERNATIVE: Patterns = &[
    "I am sorry, there is no {what}. There is {alternative}, though: {name}. Would you like that instead?",
    "Unfortunately I have no {what}. Would {alternative} be all right? I can offer {name}.",
    "I could not find {a_what}. What about {name}, {alternative}?",
    "Sorry, I have found no {what}. The closest I have is {name}, {alternative}.",
    "There is no {what}, I am afraid. {name} is {alternative}. Would that work for you?",
];
pub(crate) const TAKE_ALTERNATIVE: Patterns = &[
    "Yes, that will do.",
    "That sounds fine.",
    "All right, let us take that one.",
    "Okay, that works for me.",
    "Yes, that is fine too.",
    "Sure, why not.",
];
pub(crate) const REFUSE_ALTERNATIVE: Patterns = &[
    "No, I would rather have {value}.",
    "No, thank you. Is there {value}?",
    "I do not think so. How about {value} instead?",
    "Not really. I would prefer {value} then.",
];
pub(crate) const NO_MATCH_ASK: Patterns = &[
    "I am sorry, there is no {what}. Would you like to try another {slot}?",
    "Unfortunately there is no {what}. Shall I look for a different {slot}?",
    "There is no {what}, I am afraid. Do you want to change the {slot}?",
    "I could not find {a_what}. Is another {slot} possible?",
    "Sorry, nothing matches: there is no {what}. Would a different {slot} be all right?",
];
pub(crate) const TRY_OTHER: Patterns = &[
    "Yes, how about {value}?",
    "Then let us try {value}.",
    "What about {value}?",
    "Okay, then {value}, please.",
    "Yes, please look for {value} instead.",
    "In that case I would like {value}.",
];
pub(crate) const CHANGE_OF_MIND: Patterns = &[
    "Actually, I would prefer {value}.",
    "I have changed my mind. I would like {value} instead.",
    "Hmm, could we make it {value} instead?",
    "On second thought, {value} would be better.",
    "Wait, what about {value}?",
    "Sorry, I meant {value}.",
    "My friends would rather have {value}. Is that possible?",
];
pub(crate) const ANOTHER: Patterns = &[
    "Do you have anything else?",
    "Is there another one?",
    "Can you suggest something else?",
    "I have been there before. What else do you have?",
    "Are there any others?",
    "I would like to hear about another one.",
    "I am not sure about that one. Do you have another?",
];
pub(crate) const NO_OTHER: Patterns = &[
    "I am sorry, {name} is the only {what}.",
    "No, {name} is the only {what}.",
    "That is the only {what}, I am afraid.",
];
pub(crate) const STAY_WITH_IT: Patterns =
    &["All right, then I will take it.", "Okay, that one is fine.", "Fine, let us stay with that one."];
pub(crate) const ASK_FACT: Patterns = &[
    "What is the {fact}?",
    "Can I have the {fact}, please?",
    "Could you give me the {fact}?",
    "Please tell me the {fact}.",
    "What is the {fact} of {name}?",
    "Do you have the {fact}?",
    "I will need the {fact}.",
];
pub(crate) const ASK_TWO_FACTS: Patterns = &[
    "Can I have the {fact} and the {other}, please?",
    "What are the {fact} and the {other}?",
    "Could you give me the {fact} and {other}?",
    "Please tell me the {fact} and the {other} of {name}.",
    "I need the {fact} and the {other}.",
];
pub(crate) const PHONE: Patterns = &[
    "The phone number of {name} is {phone}.",
    "The phone number is {phone}.",
    "You can call them on {phone}.",
    "Their number is {phone}.",
];
pub(crate) const ADDRESS: Patterns = &[
    "The address is {address}.",
    "{name} is at {address}.",
    "You will find it at {address}.",
    "The address of {name} is {address}.",
];
pub(crate) const POSTCODE: Patterns =
    &["The postcode is {postcode}.", "Their postcode is {postcode}.", "The postcode of {name} is {postcode}."];
pub(crate) const ASK_WHERE: Patterns =
    &["Which part of town is it in?", "What area is {name} in?", "Where in town is it?"];
pub(crate) const WHERE: Patterns =
    &["It is in the {area}.", "{name} is in the {area}.", "You will find it in the {area} of town."];
pub(crate) const ASK_COST: Patterns = &["Is it expensive?", "How expensive is it?", "What is the price range?"];
pub(crate) const COST: Patterns = &["It is {price}.", "{name} is {price}.", "The price range is {range}."];
pub(crate) const ANYTHING_ELSE: Patterns = &[
    "Can I help you with anything else?",
    "Is there anything else I can do for you?",
    "Is there anything else you need?",
    "Do you need anything else?",
    "Would you like anything else?",
];
pub(crate) const ASK_REFERENCE: Patterns = &[
    "Can you repeat the reference number?",
    "What was the reference number again?",
    "Sorry, could you say the reference number once more?",
];
pub(crate) const REFERENCE: Patterns = &[
    "The reference number is {reference}.",
    "Of course. It is {reference}.",
    "Certainly. Your reference number is {reference}.",
];
pub(crate) const CLOSE: Patterns = &[
    "Thank you, that is all I need.",
    "Thank you, goodbye.",
    "That is everything, thanks.",
    "Thanks for your help. Goodbye.",
    "Great, that is all. Thank you.",
    "Thank you very much for your help.",
    "Perfect, thanks. Bye!",
    "Wonderful, thank you. That is all for today.",
];
pub(crate) const CLOSE_AFTER_QUESTION: Patterns = &[
    "No, that is all. Thank you.",
    "No, thank you. You have been very helpful.",
    "No, that is everything. Thanks.",
    "No, thanks. Goodbye.",
    "That will be all, thank you.",
    "No, I have everything I need. Thank you.",
    "Nothing else, thank you for your help.",
    "No, I am all set. Thanks a lot.",
];
pub(crate) const GOODBYE: Patterns = &[
    "You are welcome. Have a nice day!",
    "I am glad I could help. Goodbye!",
    "You are welcome. Enjoy your stay in Fernbridge!",
    "Thank you for calling. Goodbye!",
    "You are welcome. Goodbye!",
    "It was a pleasure. Have a good time!",
    "Happy to help. Have a great day!",
    "Have a lovely time in Fernbridge. Goodbye!",
];
