//! The sample's town: what can be searched for and what a search finds. The tables are in `venues.rs` and `timetable.rs`.

use super::timetable::{Time, Train, trains};
use super::venues::{ATTRACTIONS, HOTELS, RESTAURANTS, STREETS};
use std::collections::BTreeMap;

/// What dialogues are about. In the order of names, which is that of frames.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Domain {
    Attraction,
    Hotel,
    Restaurant,
    Taxi,
    Train,
}

impl Domain {
    pub(crate) const ALL: [Domain; 5] =
        [Domain::Attraction, Domain::Hotel, Domain::Restaurant, Domain::Taxi, Domain::Train];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Domain::Attraction => "attraction",
            Domain::Hotel => "hotel",
            Domain::Restaurant => "restaurant",
            Domain::Taxi => "taxi",
            Domain::Train => "train",
        }
    }

    /// Slots that a venue is searched by; none for what is no venue.
    pub(crate) fn search_slots(self) -> &'static [&'static str] {
        match self {
            Domain::Attraction => &["type", "area"],
            Domain::Hotel => &["area", "pricerange", "type", "stars", "parking", "internet"],
            Domain::Restaurant => &["food", "area", "pricerange"],
            Domain::Taxi | Domain::Train => &[],
        }
    }
}

/// The value of a slot that may be anything.
pub(crate) const ANY: &str = "dontcare";

/// What is wanted of one domain: values by slot, without the domain in front.
pub(crate) type Wanted = BTreeMap<&'static str, String>;

/// A restaurant, hotel or attraction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Venue {
    pub domain: Domain,
    pub name: &'static str,
    pub area: &'static str,
    /// Empty for attractions.
    pub price: &'static str,
    /// The food or the type.
    pub kind: &'static str,
    /// Empty for all but hotels, as the next two.
    pub stars: &'static str,
    pub parking: &'static str,
    pub internet: &'static str,
    /// The entrance fee in pounds; empty for all but attractions.
    pub fee: &'static str,
    pub address: String,
    pub postcode: String,
    pub phone: String,
}

impl Venue {
    /// The value of a slot that venues are searched by.
    pub(crate) fn value(&self, slot: &str) -> &'static str {
        match slot {
            "area" => self.area,
            "pricerange" => self.price,
            "food" | "type" => self.kind,
            "stars" => self.stars,
            "parking" => self.parking,
            "internet" => self.internet,
            _ => "",
        }
    }

    /// Whether it is what is wanted, as far as that says something that venues are searched by.
    pub(crate) fn suits(&self, wanted: &Wanted) -> bool {
        let slots = self.domain.search_slots().iter();
        slots
            .filter_map(|slot| Some((slot, wanted.get(slot)?)))
            .all(|(slot, value)| value == ANY || value == self.value(slot))
    }

    /// Its name in the middle of a sentence.
    pub(crate) fn called(&self) -> String {
        match self.name.strip_prefix("The ") {
            Some(rest) => format!("the {rest}"),
            None => self.name.to_owned(),
        }
    }
}

/// Everything that there is.
pub(crate) struct World {
    pub venues: Vec<Venue>,
    pub trains: Vec<Train>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut venues = Vec::new();
        for [name, kind, area, price] in RESTAURANTS {
            venues.push(Venue { price, ..venue(venues.len(), Domain::Restaurant, name, kind, area) });
        }
        for [name, kind, area, price, stars, parking, internet] in HOTELS {
            let hotel = venue(venues.len(), Domain::Hotel, name, kind, area);
            venues.push(Venue { price, stars, parking, internet, ..hotel });
        }
        for [name, kind, area, fee] in ATTRACTIONS {
            venues.push(Venue { fee, ..venue(venues.len(), Domain::Attraction, name, kind, area) });
        }
        Self { venues, trains: trains() }
    }

    /// The venues of a domain.
    pub(crate) fn venues(&self, domain: Domain) -> impl Iterator<Item = &Venue> {
        self.venues.iter().filter(move |venue| venue.domain == domain)
    }

    /// The venues that are wanted.
    pub(crate) fn search(&self, domain: Domain, wanted: &Wanted) -> Vec<&Venue> {
        self.venues(domain).filter(|venue| venue.suits(wanted)).collect()
    }

    /// All values of a slot that venues are searched by, in order.
    pub(crate) fn values(&self, domain: Domain, slot: &str) -> Vec<&'static str> {
        let mut values: Vec<_> = self.venues(domain).map(|venue| venue.value(slot)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The trains that are wanted (`departure`, `destination`, `day`, `leaveat`, `arriveby`), in the order of time.
    pub(crate) fn search_trains(&self, wanted: &Wanted) -> Vec<&Train> {
        let time = |slot| wanted.get(slot).and_then(|text| Time::parse(text));
        let is = |slot, value: &str| wanted.get(slot).is_none_or(|wanted| wanted == &value.to_lowercase());
        let suits = |train: &&Train| {
            is("departure", train.from)
                && is("destination", train.to)
                && wanted.get("day").is_none_or(|day| train.runs_on(day))
                && time("leaveat").is_none_or(|earliest| train.leaves >= earliest)
                && time("arriveby").is_none_or(|latest| train.arrives() <= latest)
        };
        let mut found: Vec<_> = self.trains.iter().filter(suits).collect();
        found.sort_by_key(|train| train.leaves);
        found
    }
}

/// A venue with an address. Numbers are spread so that no two venues share one.
fn venue(index: usize, domain: Domain, name: &'static str, kind: &'static str, area: &'static str) -> Venue {
    let street = STREETS[index % STREETS.len()];
    let number = 3 + index * 7 % 89;
    let letters = ["AB", "CD", "EF", "GH", "JK", "LM", "NP", "QR", "ST"];
    Venue {
        domain,
        name,
        area,
        price: "",
        kind,
        stars: "",
        parking: "",
        internet: "",
        fee: "",
        address: format!("{number} {street}"),
        postcode: format!("FB{} {}{}", 1 + index % 5, 1 + index / 5 % 9, letters[index / 3 % letters.len()]),
        // A range that is set aside for fiction, so that nobody is called.
        phone: format!("01632 960{:03}", 100 + index * 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn venues_have_their_own_name_phone_and_address() {
        let world = World::new();
        for (at, venue) in world.venues.iter().enumerate() {
            for other in &world.venues[..at] {
                let bare = |venue: &Venue| venue.name.trim_start_matches("The ").to_lowercase();
                assert!(!bare(venue).contains(&bare(other)), "{} and {}", venue.name, other.name);
                assert!(!bare(other).contains(&bare(venue)), "{} and {}", venue.name, other.name);
                assert_ne!(venue.phone, other.phone, "{} and {}", venue.name, other.name);
                assert_ne!(venue.address, other.address, "{} and {}", venue.name, other.name);
            }
        }
    }

    #[test]
    fn trains_are_found_by_time_and_not_at_night_on_sundays() {
        let world = World::new();
        let mut wanted = Wanted::from([("departure", "fernbridge".to_owned()), ("destination", "oakmere".to_owned())]);
        wanted.insert("arriveby", "09:00".to_owned());
        let leaves = |wanted: &Wanted| -> Vec<String> {
            world.search_trains(wanted).iter().map(|train| train.leaves.to_string()).collect()
        };
        assert_eq!(leaves(&wanted), ["05:15", "07:15"]);
        wanted.insert("day", "sunday".to_owned());
        assert!(leaves(&wanted).is_empty());
        wanted.remove("arriveby");
        wanted.insert("leaveat", "18:00".to_owned());
        assert_eq!(leaves(&wanted), ["19:15"]);
    }
}
