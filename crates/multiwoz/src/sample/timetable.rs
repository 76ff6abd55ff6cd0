//! The sample's trains between Fernbridge and eight other towns, all invented, and clock times. Taxis need no table.

/// The town where everything is.
pub(crate) const TOWN: &str = "Fernbridge";
/// Days as in belief states.
pub(crate) const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Trains on this day run only between [`SUNDAY_FIRST`] and [`SUNDAY_LAST`].
const SUNDAY: &str = "sunday";
const SUNDAY_FIRST: Time = Time(8 * 60);
const SUNDAY_LAST: Time = Time(20 * 60);
/// Trains from Fernbridge leave from this hour on, the others from the next, every two hours.
const FIRST_HOUR: u16 = 5;
const HOURS_BETWEEN: u16 = 2;
const LAST_HOUR: u16 = 22;

/// A town, minutes by train, price in pounds, minute of departure from Fernbridge, minute of departure to Fernbridge.
const LINES: [(&str, u16, u16, u16, u16); 8] = [
    ("Oakmere", 38, 9, 15, 40),
    ("Saltwick", 75, 21, 30, 5),
    ("Highcastle", 52, 14, 45, 20),
    ("Millhaven", 24, 6, 0, 35),
    ("Kingsmoor", 95, 28, 10, 25),
    ("Wexcombe", 61, 17, 50, 15),
    ("Ravenstow", 44, 11, 20, 50),
    ("Eastholm", 83, 24, 40, 10),
];

/// A time of day in minutes after midnight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Time(pub u16);

impl Time {
    pub(crate) const MIDNIGHT: Time = Time(24 * 60);

    pub(crate) fn plus(self, minutes: u16) -> Time {
        Time(self.0 + minutes)
    }

    /// Reads `17:05`.
    pub(crate) fn parse(text: &str) -> Option<Time> {
        let (hours, minutes) = text.split_once(':')?;
        Some(Time(hours.parse::<u16>().ok()? * 60 + minutes.parse::<u16>().ok()?))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A train, which runs every day at the same time, on Sundays not early and not late.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Train {
    pub id: String,
    pub from: &'static str,
    pub to: &'static str,
    pub leaves: Time,
    pub minutes: u16,
    /// Pounds.
    pub price: u16,
}

impl Train {
    pub(crate) fn arrives(&self) -> Time {
        self.leaves.plus(self.minutes)
    }

    pub(crate) fn runs_on(&self, day: &str) -> bool {
        day != SUNDAY || (SUNDAY_FIRST..=SUNDAY_LAST).contains(&self.leaves)
    }
}

/// The other towns.
pub(crate) fn towns() -> Vec<&'static str> {
    LINES.iter().map(|line| line.0).collect()
}

/// All trains, by line, direction and time. Those that would arrive after midnight don't run.
pub(crate) fn trains() -> Vec<Train> {
    let mut trains = Vec::new();
    for (line, (town, minutes, price, out, back)) in (1..).zip(LINES) {
        for (direction, from, to, minute) in [(0, TOWN, town, out), (1, town, TOWN, back)] {
            let hours = (FIRST_HOUR + direction..=LAST_HOUR).step_by(usize::from(HOURS_BETWEEN));
            for hour in hours {
                let leaves = Time(hour * 60 + minute);
                if leaves.plus(minutes) < Time::MIDNIGHT {
                    let id = format!("FB{line}{direction}{hour:02}");
                    trains.push(Train { id, from, to, leaves, minutes, price });
                }
            }
        }
    }
    trains
}
