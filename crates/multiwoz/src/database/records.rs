//! The records of the database's files, one type a file. Every field is kept: those that a type does not name are in `other`.

use crate::error::FieldProblem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the records of every file have in common.
pub trait Record: Sized {
    /// The domain, as in the names of files and slots: `hotel`.
    const DOMAIN: &'static str;
    /// The fields that can be asked for, as they are called in the file.
    const COLUMNS: &'static [&'static str];

    /// Reads the object of a record.
    ///
    /// # Errors
    /// If a field is missing or is not what it must be.
    fn read(map: Map<String, Value>) -> Result<Self, FieldProblem>;

    /// What a column says; nothing where it is missing or there is no such column.
    fn texts(&self, column: &str) -> Vec<Cow<'_, str>>;
}

/// What a field holds.
trait Field: Sized {
    const EXPECTED: &'static str;
    /// `None` gives back what is wrong.
    fn read(value: Option<Value>) -> Result<Self, Option<Value>>;
    fn texts(&self) -> Vec<Cow<'_, str>>;
    fn is_absent(&self) -> bool {
        false
    }
}

impl Field for String {
    const EXPECTED: &'static str = "a text";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        match value {
            Some(Value::String(text)) => Ok(text),
            other => Err(other),
        }
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        vec![Cow::Borrowed(self)]
    }
}

impl Field for Option<String> {
    const EXPECTED: &'static str = "a text, or missing";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        value.map_or(Ok(None), |value| String::read(Some(value)).map(Some))
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        self.iter().map(|text| Cow::Borrowed(text.as_str())).collect()
    }
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Field for u64 {
    const EXPECTED: &'static str = "a whole number, at least 0";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        value.as_ref().and_then(Value::as_u64).ok_or(value)
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        vec![Cow::Owned(self.to_string())]
    }
}

impl Field for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        let texts = |list: &Vec<Value>| list.iter().map(|text| text.as_str().map(str::to_owned)).collect();
        value.as_ref().and_then(Value::as_array).and_then(texts).ok_or(value)
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        self.iter().map(|text| Cow::Borrowed(text.as_str())).collect()
    }
}

/// Nobody asks for a place on the map by its numbers.
impl Field for [f64; 2] {
    const EXPECTED: &'static str = "a list of latitude and longitude";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        let numbers = |list: &Vec<Value>| list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
        let numbers = value.as_ref().and_then(Value::as_array).and_then(numbers);
        numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(value)
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

/// Prices by kind of room; they have no slot.
impl Field for BTreeMap<String, String> {
    const EXPECTED: &'static str = "an object of texts";
    fn read(value: Option<Value>) -> Result<Self, Option<Value>> {
        let texts = |map: &Map<String, Value>| {
            map.iter().map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
        };
        value.as_ref().and_then(Value::as_object).and_then(texts).ok_or(value)
    }
    fn texts(&self) -> Vec<Cow<'_, str>> {
        Vec::new()
    }
}

fn take<T: Field>(map: &mut Map<String, Value>, field: &str) -> Result<T, FieldProblem> {
    T::read(map.remove(field)).map_err(|value| match value {
        Some(value) => FieldProblem::wrong(field, &value, T::EXPECTED),
        None => FieldProblem::Missing { field: field.to_owned(), expected: T::EXPECTED },
    })
}

macro_rules! record {
    ($(#[$about:meta])* $name:ident, $domain:literal { $($(#[$what:meta])* $field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, Debug, Serialize)]
        pub struct $name {
            $($(#[$what])* #[serde(rename = $key, skip_serializing_if = "Field::is_absent")] pub $field: $type,)*
            /// Fields that this type does not name.
            #[serde(flatten)]
            pub other: BTreeMap<String, Value>,
        }

        impl Record for $name {
            const DOMAIN: &'static str = $domain;
            const COLUMNS: &'static [&'static str] = &[$($key),*];

            fn read(mut map: Map<String, Value>) -> Result<Self, FieldProblem> {
                Ok(Self { $($field: take(&mut map, $key)?,)* other: map.into_iter().collect() })
            }

            fn texts(&self, column: &str) -> Vec<Cow<'_, str>> {
                match column {
                    $($key => self.$field.texts(),)*
                    _ => Vec::new(),
                }
            }
        }
    };
}

record! {
    /// Something to see. `?` stands for what is not known.
    Attraction, "attraction" {
        /// Its number.
        id: String = "id",
        /// Its name.
        name: String = "name",
        /// Such as `museum`.
        kind: String = "type",
        /// A part of the town, such as `centre`.
        area: String = "area",
        /// Street and number.
        address: String = "address",
        /// Without a space: `cb23qb`.
        postcode: String = "postcode",
        /// Digits only.
        phone: String = "phone",
        /// Such as `2 pounds`, or `free`.
        entrance_fee: String = "entrance fee",
        /// Such as `cheap`, or `free`.
        pricerange: String = "pricerange",
        /// In words.
        openhours: String = "openhours",
        /// Latitude and longitude.
        location: [f64; 2] = "location",
    }
}

record! {
    /// A department of the hospital.
    HospitalDepartment, "hospital" {
        /// Its number.
        id: u64 = "id",
        /// Its name.
        department: String = "department",
        /// Digits only.
        phone: String = "phone",
    }
}

record! {
    /// A hotel or guest house.
    Hotel, "hotel" {
        /// Its number.
        id: String = "id",
        /// Its name.
        name: String = "name",
        /// `hotel` or `guesthouse`.
        kind: String = "type",
        /// A part of the town, such as `centre`.
        area: String = "area",
        /// Street and number.
        address: String = "address",
        /// Without a space: `cb12dp`.
        postcode: String = "postcode",
        /// Digits only.
        phone: String = "phone",
        /// `cheap`, `moderate` or `expensive`.
        pricerange: String = "pricerange",
        /// A digit.
        stars: String = "stars",
        /// `yes` or `no`.
        internet: String = "internet",
        /// `yes` or `no`.
        parking: String = "parking",
        /// `yes`.
        takesbookings: String = "takesbookings",
        /// Pounds a night, by kind of room.
        price: BTreeMap<String, String> = "price",
        /// Latitude and longitude.
        location: [f64; 2] = "location",
    }
}

record! {
    /// A police station.
    PoliceStation, "police" {
        /// Its number.
        id: u64 = "id",
        /// Its name.
        name: String = "name",
        /// Street and town.
        address: String = "address",
        /// Digits only.
        phone: String = "phone",
    }
}

record! {
    /// A restaurant.
    Restaurant, "restaurant" {
        /// Its number.
        id: String = "id",
        /// Its name.
        name: String = "name",
        /// `restaurant`.
        kind: String = "type",
        /// Such as `italian`.
        food: String = "food",
        /// A part of the town, such as `centre`.
        area: String = "area",
        /// `cheap`, `moderate` or `expensive`.
        pricerange: String = "pricerange",
        /// Street and number.
        address: String = "address",
        /// Without a space: `cb21ab`.
        postcode: String = "postcode",
        /// Digits only; some have none.
        phone: Option<String> = "phone",
        /// What it says of itself.
        introduction: Option<String> = "introduction",
        /// A dish it is known for.
        signature: Option<String> = "signature",
        /// Latitude and longitude.
        location: [f64; 2] = "location",
    }
}

record! {
    /// What taxis may look like; which one comes is made up.
    Taxi, "taxi" {
        /// Colours.
        colors: Vec<String> = "taxi_colors",
        /// Makes.
        types: Vec<String> = "taxi_types",
        /// A pattern of phone numbers.
        phone: Vec<String> = "taxi_phone",
    }
}

record! {
    /// A train on a day of the week.
    Train, "train" {
        /// Such as `TR7075`; several trains may have one.
        train_id: String = "trainID",
        /// Such as `monday`.
        day: String = "day",
        /// A town.
        departure: String = "departure",
        /// A town.
        destination: String = "destination",
        /// As `05:00`.
        leave_at: String = "leaveAt",
        /// As `05:51`; some trains arrive at `24:55`, and others, after midnight, before they left.
        arrive_by: String = "arriveBy",
        /// Such as `51 minutes`.
        duration: String = "duration",
        /// Such as `23.60 pounds`.
        price: String = "price",
    }
}
