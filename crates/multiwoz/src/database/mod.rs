//! The database behind MultiWOZ: what Cambridge has, as typed records, and finding those that a belief state asks for. What is
//! read from files is here, the records in `records.rs`, asking in `query.rs`. Dialogues are elsewhere.
//!
//! ```
//! use reformer_multiwoz::database::{Database, find};
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! # let empty = ["attraction", "hospital", "police", "restaurant", "taxi", "train"];
//! # empty.iter().try_for_each(|domain| std::fs::write(folder.join(format!("{domain}_db.json")), "[]"))?;
//! std::fs::write(
//!     folder.join("hotel_db.json"),
//!     r#"[{
//!         "id": "0", "name": "a and b guest house", "type": "guesthouse", "area": "centre", "stars": "4",
//!         "pricerange": "moderate", "address": "124 tenison road", "postcode": "cb12dp", "phone": "01223315702",
//!         "internet": "yes", "parking": "no", "takesbookings": "yes",
//!         "location": [52.1963733, 0.1987426], "price": {"double": "70", "single": "50"}
//!     }]"#,
//! )?;
//!
//! let database = Database::open(folder)?; // after `reformer data fetch`: the folder `db` of what was fetched
//! let wanted = [("type", "Guest House"), ("area", "center"), ("internet", "free"), ("stars", "dontcare")];
//! for hotel in find(&database.hotels, wanted)? {
//!     println!("{}: {}, {} pounds a single room", hotel.name, hotel.phone, hotel.price["single"]);
//! }
//! # assert_eq!(find(&database.hotels, wanted)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod matching;
mod query;
mod records;

pub use error::{DatabaseError, QueryError};
pub use query::{find, find_for_state};
pub use records::{Attraction, HospitalDepartment, Hotel, PoliceStation, Record, Restaurant, Taxi, Train};

use crate::DataError;
use crate::json;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The longest file that is read. The longest that was published has 0.75 MB.
const MOST_BYTES: u64 = 64 << 20;
/// And the most memory that its values take.
const MOST_MEMORY: usize = 1 << 30;

/// All records, in the order of the files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Database {
    /// Of `attraction_db.json`.
    pub attractions: Vec<Attraction>,
    /// Of `hospital_db.json`: the departments of the one hospital.
    pub hospital: Vec<HospitalDepartment>,
    /// Of `hotel_db.json`.
    pub hotels: Vec<Hotel>,
    /// Of `police_db.json`.
    pub police: Vec<PoliceStation>,
    /// Of `restaurant_db.json`.
    pub restaurants: Vec<Restaurant>,
    /// Of `taxi_db.json`: what taxis look like.
    pub taxis: Vec<Taxi>,
    /// Of `train_db.json`. The published `bus_db.json` is the same file, byte for byte, so it is not read.
    pub trains: Vec<Train>,
}

impl Database {
    /// Reads the seven files of a folder.
    ///
    /// # Errors
    /// The first thing that is wrong, with its file, record, field and value.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DatabaseError> {
        let folder = folder.as_ref();
        Ok(Self {
            attractions: read(folder)?,
            hospital: read(folder)?,
            hotels: read(folder)?,
            police: read(folder)?,
            restaurants: read(folder)?,
            taxis: read(folder)?,
            trains: read(folder)?,
        })
    }
}

fn read<R: Record>(folder: &Path) -> Result<Vec<R>, DatabaseError> {
    let path = folder.join(format!("{}_db.json", R::DOMAIN));
    let no_json = |message: String| DatabaseError::Json { file: path.clone(), message };
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(DataError::file("read", &path))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(DataError::file("read", &path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(no_json(format!("it is longer than {MOST_BYTES} bytes")));
    }
    let value = json::parse(&bytes, MOST_MEMORY).map_err(|malformed| no_json(malformed.error.to_string()))?;
    let Value::Array(list) = value else { return Err(no_json("it is no list".to_owned())) };
    let record = |(at, value): (usize, Value)| {
        let name = ["name", "department", "trainID"].iter().find_map(|key| value.get(key)?.as_str().map(str::to_owned));
        crate::fields::object(value, "an object").and_then(R::read).map_err(|problem| DatabaseError::Record {
            file: path.clone(),
            number: at + 1,
            name,
            problem,
        })
    };
    list.into_iter().enumerate().map(record).collect()
}
