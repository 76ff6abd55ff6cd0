//! The database: what is found in a small one, what is said about files that are wrong, and the published one where it is.

use reformer_multiwoz::database::{Database, QueryError, Record, find, find_for_state};
use reformer_multiwoz::{BeliefState, Source, Split};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

const DOMAINS: [&str; 7] = ["attraction", "hospital", "hotel", "police", "restaurant", "taxi", "train"];

fn hotel(name: &str, area: &str, kind: &str) -> Value {
    json!({
        "id": "7", "name": name, "type": kind, "area": area, "address": "1 road", "postcode": "cb1", "phone": "1",
        "pricerange": "cheap", "stars": "4", "internet": "yes", "parking": "no", "takesbookings": "yes",
        "price": { "single": "50" }, "location": [52.0, 0.1], "extra": [1],
    })
}

fn train(id: &str, leave: &str, arrive: &str) -> Value {
    json!({
        "trainID": id, "day": "monday", "departure": "cambridge", "destination": "london kings cross", "leaveAt": leave,
        "arriveBy": arrive, "duration": "51 minutes", "price": "23.60 pounds",
    })
}

fn small() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for domain in DOMAINS {
        put(&folder, domain, "[]");
    }
    let hotels = [
        hotel("acorn guest house", "north", "guesthouse"),
        hotel("rosa's bed and breakfast", "centre", "guesthouse"),
        hotel("the cambridge belfry", "?", "hotel"),
    ];
    put(&folder, "hotel", &Value::from(hotels.to_vec()).to_string());
    let trains = [train("TR1", "05:00", "05:51"), train("TR2", "09:15", "10:06"), train("TR3", "23:59", "24:50")];
    put(&folder, "train", &Value::from(trains.to_vec()).to_string());
    put(&folder, "taxi", r#"[{"taxi_colors": ["black", "white"], "taxi_types": ["ford"], "taxi_phone": ["x"]}]"#);
    folder
}

fn put(folder: &TempDir, domain: &str, text: &str) {
    fs::write(folder.path().join(format!("{domain}_db.json")), text).unwrap();
}

#[track_caller]
fn hotels(wanted: &[(&str, &str)]) -> Vec<String> {
    let database = Database::open(small().path()).unwrap();
    find(&database.hotels, wanted.iter().copied()).unwrap().iter().map(|hotel| hotel.name.clone()).collect()
}

#[track_caller]
fn trains(wanted: &[(&str, &str)]) -> Vec<String> {
    let database = Database::open(small().path()).unwrap();
    find(&database.trains, wanted.iter().copied()).unwrap().iter().map(|train| train.train_id.clone()).collect()
}

#[test]
fn values_are_matched_tolerantly() {
    let (acorn, rosa, belfry) = ("acorn guest house", "rosa's bed and breakfast", "the cambridge belfry");
    assert_eq!(hotels(&[]), [acorn, rosa, belfry]);
    assert_eq!(hotels(&[("area", "North")]), [acorn, belfry], "what is not known may fit");
    assert_eq!(hotels(&[("hotel-area", "Center"), ("type", "guest house")]), [rosa]);
    assert_eq!(hotels(&[("Type", "hotel")]), [belfry]);
    assert_eq!(hotels(&[("name", "Rosas Bed & Breakfast")]), [rosa]);
    assert_eq!(hotels(&[("name", "cambridge belfry")]), [belfry]);
    assert_eq!(hotels(&[("name", "acorn guesthouse")]), [acorn]);
    assert_eq!(hotels(&[("price range", "cheap"), ("stars", "4"), ("parking", "no")]).len(), 3);
    assert_eq!(hotels(&[("internet", "free"), ("parking", "free")]), [""; 0]);
    assert_eq!(hotels(&[("internet", "free")]).len(), 3);
    for nothing in ["dontcare", "don't care", "do n't care", "not mentioned", "", "none"] {
        assert_eq!(
            hotels(&[("area", nothing), ("bookday", "friday"), ("hotel-bookpeople", "3")]).len(),
            3,
            "{nothing}"
        );
    }
    assert_eq!(hotels(&[("stars", "5")]), [""; 0]);
    assert_eq!(hotels(&[("pricerange", "chea")]), [""; 0], "a part is enough for names alone");
}

#[test]
fn trains_run_within_the_window() {
    assert_eq!(trains(&[("leaveAt", "09:15")]), ["TR2", "TR3"]);
    assert_eq!(trains(&[("leave", "9:16")]), ["TR3"]);
    assert_eq!(trains(&[("arriveBy", "10:06")]), ["TR1", "TR2"]);
    assert_eq!(trains(&[("train-arriveby", "10:05 am")]), ["TR1"]);
    assert_eq!(trains(&[("leaveat", "5 am"), ("arriveby", "noon"), ("day", "Monday")]), ["TR1", "TR2"]);
    assert_eq!(trains(&[("leaveat", "dontcare"), ("destination", "Kings Cross")]).len(), 3);
    assert_eq!(trains(&[("departure", "london kings cross")]), [""; 0]);
}

#[test]
fn a_belief_state_asks_for_its_domain() {
    let database = Database::open(small().path()).unwrap();
    let state: BeliefState = [
        ("hotel-area", vec!["centre", "center"]),
        ("hotel-type", vec!["hotel", "guesthouse"]),
        ("hotel-stars", vec![]),
        ("hotel-bookstay", vec!["3"]),
        ("train-day", vec!["tuesday"]),
    ]
    .map(|(slot, values)| (slot.to_owned(), values.into_iter().map(str::to_owned).collect()))
    .into();
    let found = find_for_state(&database.hotels, &state).unwrap();
    assert_eq!(
        found.iter().map(|hotel| hotel.name.as_str()).collect::<Vec<_>>(),
        ["rosa's bed and breakfast", "the cambridge belfry"]
    );
    assert!(find_for_state(&database.trains, &state).unwrap().is_empty());
    assert_eq!(find(&database.taxis, [("taxi_colors", "White")]).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_asked_is_named() {
    let database = Database::open(small().path()).unwrap();
    let error = find(&database.hotels, [("food", "thai")]).unwrap_err();
    assert!(matches!(&error, QueryError::UnknownSlot { slot, .. } if slot == "food"), "{error}");
    assert!(error.to_string().contains("hotel") && error.to_string().contains("pricerange"), "{error}");
    assert!(find(&database.hotels, [("train-day", "monday")]).is_err());
    let error = find(&database.trains, [("leaveAt", "when the sun is up")]).unwrap_err().to_string();
    assert!(["leaveAt", "when the sun is up", "17:45"].iter().all(|part| error.contains(part)), "{error}");
}

#[test]
fn wrong_files_are_named() {
    let without = |field: &str, value: Value| {
        let mut hotel = hotel("acorn", "north", "hotel");
        hotel[field] = value;
        Value::from(vec![hotel.clone(), hotel]).to_string()
    };
    let cut = without("id", json!("1"));
    let rows: [(&str, &str, &[&str]); 12] = [
        ("hotel", &without("area", json!(3)), &["hotel_db.json", "record 1 (acorn)", "`area` is 3", "a text"]),
        ("hotel", &without("price", json!({ "single": 50 })), &["record 1", "`price`", "50", "texts"]),
        ("hotel", &without("price", json!(null)), &["`price` is null"]),
        ("hotel", &without("location", json!([1.0])), &["`location` is [1.0]", "latitude"]),
        ("hotel", &without("location", json!(["a", "b"])), &["`location`"]),
        ("hotel", r#"[{"id": "1"}]"#, &["record 1", "`name` is missing", "a text"]),
        ("hotel", r#"["acorn"]"#, &["record 1", "\"acorn\"", "an object"]),
        ("hotel", r#"{"hotels": []}"#, &["hotel_db.json", "no list"]),
        ("hotel", &cut[..cut.len() / 2], &["hotel_db.json", "EOF", "line 1"]),
        ("hotel", r#"[{"id": "1", "id": "2"}]"#, &["`id` occurs twice"]),
        ("police", r#"[{"id": -1}]"#, &["police_db.json", "record 1", "`id` is -1"]),
        ("taxi", r#"[{"taxi_colors": ["red", 1]}]"#, &["taxi_db.json", "`taxi_colors`", "list of texts"]),
    ];
    for (domain, text, parts) in rows {
        let folder = small();
        put(&folder, domain, text);
        let error = Database::open(folder.path()).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    }
    let folder = small();
    fs::remove_file(folder.path().join("train_db.json")).unwrap();
    let error = Database::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("train_db.json") && error.contains("data fetch"), "{error}");
}

fn shared(what: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(what);
    if beside.is_dir() {
        return Some(beside);
    }
    // Not through the test's captured output: a skipped test should be seen.
    let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {} to read in this test", beside.display());
    None
}

/// Every record of the published files is kept with all its fields.
#[test]
fn the_published_database_is_read_whole() {
    let Some(folder) = shared("multiwoz-db") else { return };
    let database = Database::open(&folder).unwrap();
    fn check<R: Record + serde::Serialize>(folder: &std::path::Path, records: &[R], count: usize) {
        let text = fs::read_to_string(folder.join(format!("{}_db.json", R::DOMAIN))).unwrap();
        assert_eq!(serde_json::to_value(records).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        assert_eq!(records.len(), count);
    }
    check(&folder, &database.attractions, 79);
    check(&folder, &database.hospital, 66);
    check(&folder, &database.hotels, 33);
    check(&folder, &database.police, 1);
    check(&folder, &database.restaurants, 110);
    check(&folder, &database.taxis, 1);
    check(&folder, &database.trains, 2828);
    let attractions = find(&database.attractions, [("type", "multiple sports")]).unwrap();
    assert!(!attractions.is_empty(), "the database's own spelling of it is another");
    let trains =
        [("departure", "Cambridge"), ("destination", "London King's Cross"), ("day", "monday"), ("arriveBy", "10:00")];
    for train in find(&database.trains, trains).unwrap() {
        assert!(train.arrive_by.as_str() <= "10:00" && train.day == "monday", "{train:?}");
    }
    assert_eq!(find(&database.trains, trains).unwrap().len(), 3);
}

/// Of what the published test split's users want in the end, most is to be had.
#[test]
fn most_belief_states_find_something() {
    let (Some(database), Some(dialogues)) = (shared("multiwoz-db"), shared("multiwoz-2.2")) else { return };
    let database = Database::open(database).unwrap();
    let (mut asked, mut found) = (0, 0);
    for part in Source::open(dialogues).unwrap().parts(Split::Test).unwrap() {
        for dialogue in part.unwrap().dialogues {
            let last = dialogue.turns.iter().rfind(|turn| !turn.frames.is_empty());
            let Some(mut state) = last.map(|turn| turn.belief_state()) else { continue };
            // These annotations take the kind of hotel for a yes or no.
            for kind in state.get_mut("hotel-type").into_iter().flatten() {
                *kind = kind.replace("true", "hotel").replace("false", "guesthouse");
            }
            if state.keys().any(|slot| slot.starts_with("hotel-")) {
                asked += 1;
                found += usize::from(!find_for_state(&database.hotels, &state).unwrap().is_empty());
            }
            if state.keys().any(|slot| slot.starts_with("restaurant-")) {
                asked += 1;
                found += usize::from(!find_for_state(&database.restaurants, &state).unwrap().is_empty());
            }
        }
    }
    assert!(asked > 500 && found * 10 > asked * 9, "{found} of {asked} states find something");
}
