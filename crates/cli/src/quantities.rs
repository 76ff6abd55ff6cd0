//! Sizes, times, counts and rates as people write them: reading and printing. Knows no option by name.

use reformer_multiwoz::Dealing;
use std::fmt;
use std::str::FromStr;

/// Bytes of a MiB, for printing.
const MIB: f64 = 1024.0 * 1024.0;

/// Units of sizes, the longer names first so that a suffix is found whole.
const UNITS: &[(&str, u64)] = &[
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

/// What `--memory-limit` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryWish {
    /// Half of the memory that is free.
    #[default]
    Automatic,
    /// As little as possible.
    Minimum,
    /// This many bytes.
    Bytes(u64),
}

impl FromStr for MemoryWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Automatic),
            "min" => Ok(Self::Minimum),
            size => Ok(Self::Bytes(bytes(size).ok_or("write auto, min, or a size like 500MB or 16GiB")?)),
        }
    }
}

fn bytes(lower: &str) -> Option<u64> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|&(suffix, unit)| lower.strip_suffix(suffix).map(|number| (number, unit)))
        .unwrap_or((lower, 1));
    let number: f64 = number.trim().parse().ok()?;
    let bytes = number * unit as f64;
    // Above 2^63 nothing is a size of memory.
    (1.0..9.2e18).contains(&bytes).then_some(bytes as u64)
}

/// A count that is at least 1.
pub fn positive(text: &str) -> Result<usize, String> {
    let number: usize = text.replace('_', "").parse().map_err(|_| "write a whole number, at least 1".to_owned())?;
    if number == 0 { Err("it must be at least 1".to_owned()) } else { Ok(number) }
}

/// A whole number, 0 too.
pub fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.replace('_', "").parse().map_err(|_| "write a whole number, at least 0".to_owned())
}

/// How many of a hundred dialogues are for test, and as many for dev.
pub fn share(text: &str) -> Result<u8, String> {
    let most = Dealing::MOST_PERCENT;
    let share = text.parse().ok().filter(|share| (1..=most).contains(share));
    share.ok_or_else(|| format!("write a whole number of per cent, from 1 to {most}"))
}

/// A finite number above 0.
pub fn positive_number(text: &str) -> Result<f32, String> {
    number(text, |value| value > 0.0, "write a number above 0")
}

/// At least 0, below 1.
pub fn rate(text: &str) -> Result<f32, String> {
    number(text, |value| (0.0..1.0).contains(&value), "write a number from 0 to below 1")
}

/// Above 0, at most 1.
pub fn probability(text: &str) -> Result<f64, String> {
    number(text, |value| value > 0.0 && value <= 1.0, "write a number above 0 and at most 1")
}

/// At least 0.
pub fn temperature(text: &str) -> Result<f64, String> {
    number(text, |value| value >= 0.0, "write a number, at least 0")
}

/// Minutes above 0; a year is the most.
pub fn minutes(text: &str) -> Result<f64, String> {
    const YEAR: f64 = 366.0 * 24.0 * 60.0;
    number(text, |value| value > 0.0 && value <= YEAR, "write a number of minutes above 0")
}

fn number<T: FromStr + PartialOrd + Into<f64> + Copy>(
    text: &str,
    good: impl Fn(T) -> bool,
    advice: &str,
) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(value) if value.into().is_finite() && good(value) => Ok(value),
        _ => Err(advice.to_owned()),
    }
}

/// Bytes for people: `24.0 MiB`.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 as f64 / MIB;
        if self.0 == 0 {
            write!(f, "0")
        } else if self.0 == 1 {
            write!(f, "1 byte")
        } else if self.0 < 1024 {
            write!(f, "{} bytes", self.0)
        } else if mib >= 1024.0 {
            write!(f, "{:.2} GiB", mib / 1024.0)
        } else if mib >= 0.1 {
            write!(f, "{mib:.1} MiB")
        } else {
            write!(f, "{:.1} KiB", mib * 1024.0)
        }
    }
}

/// Counts for people: `1.23 M`, `412 k`, `97`.
pub struct Count(pub f64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scales = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];
        match scales.iter().find(|&&(scale, _)| self.0 >= scale) {
            Some((1e4, unit)) => write!(f, "{:.0} {unit}", self.0 / 1e3),
            Some((scale, unit)) => write!(f, "{:.2} {unit}", self.0 / scale),
            None => write!(f, "{:.0}", self.0),
        }
    }
}

/// Seconds for people: `42 s`, `9 min 30 s`, `2 h 05 min`.
pub struct Seconds(pub f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.round().max(0.0) as u64;
        match (whole / 3600, whole / 60 % 60, whole % 60) {
            (0, 0, seconds) => write!(f, "{seconds} s"),
            (0, minutes, 0) => write!(f, "{minutes} min"),
            (0, minutes, seconds) => write!(f, "{minutes} min {seconds:02} s"),
            (hours, minutes, _) => write!(f, "{hours} h {minutes:02} min"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let rows = [
            ("auto", MemoryWish::Automatic),
            ("MIN", MemoryWish::Minimum),
            ("16GiB", MemoryWish::Bytes(16 << 30)),
            ("16 gib", MemoryWish::Bytes(16 << 30)),
            ("500MB", MemoryWish::Bytes(500_000_000)),
            ("1.5KiB", MemoryWish::Bytes(1536)),
            ("4096", MemoryWish::Bytes(4096)),
            ("7b", MemoryWish::Bytes(7)),
        ];
        for (text, wish) in rows {
            assert_eq!(text.parse::<MemoryWish>(), Ok(wish), "{text}");
        }
        for wrong in ["", "many", "-1GiB", "0", "NaN", "inf", "1e30GiB", "16GiBs", "GiB"] {
            assert!(wrong.parse::<MemoryWish>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(positive("1_048_576"), Ok(1 << 20));
        assert_eq!(positive("0"), Err("it must be at least 1".to_owned()));
        for wrong in ["-1", "x", "1.5", ""] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
        for wrong in ["NaN", "inf", "-0.1", "1e999"] {
            assert!(rate(wrong).is_err() && positive_number(wrong).is_err() && temperature(wrong).is_err(), "{wrong}");
        }
        assert!(rate("1").is_err() && rate("0").is_ok());
        assert!(probability("0").is_err() && probability("1").is_ok());
        assert!(minutes("0").is_err() && minutes("NaN").is_err() && minutes("0.5") == Ok(0.5));
    }

    #[test]
    fn quantities_print_short() {
        let rows = [
            (Bytes(1).to_string(), "1 byte"),
            (Bytes(10).to_string(), "10 bytes"),
            (Bytes(1023).to_string(), "1023 bytes"),
            (Bytes(1536).to_string(), "1.5 KiB"),
            (Bytes(24 << 20).to_string(), "24.0 MiB"),
            (Bytes(12 << 30).to_string(), "12.00 GiB"),
            (Count(97.0).to_string(), "97"),
            (Count(9_999.0).to_string(), "9999"),
            (Count(412_000.0).to_string(), "412 k"),
            (Count(1_234_567.0).to_string(), "1.23 M"),
            (Count(5.1e12).to_string(), "5.10 T"),
            (Seconds(42.4).to_string(), "42 s"),
            (Seconds(600.0).to_string(), "10 min"),
            (Seconds(570.0).to_string(), "9 min 30 s"),
            (Seconds(7500.0).to_string(), "2 h 05 min"),
        ];
        for (got, expected) in rows {
            assert_eq!(got, expected);
        }
    }
}
