//! The sentence patterns of the sample, as data: in braces stands what a script fills in. Which one is said when is
//! decided in the scripts.

pub(crate) mod attraction;
pub(crate) mod general;
pub(crate) mod hotel;
pub(crate) mod restaurant;
pub(crate) mod taxi;
pub(crate) mod train;

/// Patterns to choose from.
pub(crate) type Patterns = &'static [&'static str];

/// What is said about venues of one domain only.
pub(crate) struct VenuePatterns {
    /// User: the first words, where there is more to say than in [`general::OPEN`].
    pub open: Patterns,
    /// System: describes a venue.
    pub describe: Patterns,
    /// System: describes a further venue.
    pub describe_other: Patterns,
    /// System: after a description.
    pub question: Patterns,
    /// User: books with all details.
    pub book: Patterns,
    /// User: books with all details but who comes, who is known.
    pub book_same_people: Patterns,
    /// User: books without details.
    pub book_plain: Patterns,
    /// System: asks for the details.
    pub ask_details: Patterns,
    /// User: gives the details.
    pub details: Patterns,
    /// System: it is booked.
    pub booked: Patterns,
    /// System: it can't be booked.
    pub not_booked: Patterns,
    /// User: another day.
    pub other_day: Patterns,
    /// User: another time, or a shorter stay.
    pub other_time: Patterns,
    /// User: does not want to book what was described.
    pub decline: Patterns,
}
