//! Fetching from a server that goes wrong in every way that is known, with time limits of fractions of a second.

use super::published::PublishedFile;
use super::published::tests::blob_of;
use super::server::{Answer, Server};
use super::*;
use std::time::Instant;
use tempfile::TempDir;

const FIRST: &[u8] = b"[{\"dialogue_id\": \"one\", \"services\": [], \"turns\": []}]\n";
const SECOND: &[u8] = b"[{\"dialogue_id\": \"two\", \"services\": [], \"turns\": []}]\n";
const UPSTREAM_FIRST: &str = "data/MultiWOZ_2.2/train/dialogues_001.json";
const UPSTREAM_SECOND: &str = "db/taxi_db.json";

/// Patience of a test: what should fail fails soon, and what should come has time enough on a busy machine.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        silence: Duration::from_millis(300),
        whole_try: Duration::from_secs(5),
        tries: 3,
        pause: Duration::from_millis(1),
        most_bytes: 100_000,
    }
}

fn published() -> Vec<PublishedFile> {
    let file = |upstream: &str, place: &str, bytes| PublishedFile {
        upstream: upstream.to_owned(),
        place: place.to_owned(),
        blob: blob_of(bytes),
    };
    vec![file(UPSTREAM_FIRST, "train/dialogues_001.json", FIRST), file(UPSTREAM_SECOND, "db/taxi_db.json", SECOND)]
}

/// A server with both files, and a place to fetch them to.
struct Case {
    server: Server,
    home: TempDir,
    limits: Limits,
    /// What was said when something was tried again.
    again: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let server = Server::start(&[(UPSTREAM_FIRST, FIRST), (UPSTREAM_SECOND, SECOND)]);
        Self { server, home: tempfile::tempdir().unwrap(), limits: limits(), again: Vec::new() }
    }

    /// With these answers to the first requests for the first file.
    fn with(answers: &[Answer]) -> Self {
        let case = Self::new();
        case.server.will(UPSTREAM_FIRST, answers);
        case
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("multiwoz-2.2")
    }

    fn fetch(&mut self) -> Result<Fetched, FetchError> {
        let again = &mut self.again;
        fetch_files(
            &published(),
            &self.home.path().join("multiwoz-2.2"),
            Some(&self.server.address),
            &self.limits,
            &mut |event| {
                if let FetchEvent::Again { reason } = event {
                    again.push(reason.to_owned());
                }
            },
        )
    }

    /// Both files come, and only they and the note of their origin are there.
    #[track_caller]
    fn succeeds(&mut self) {
        let fetched = self.fetch().unwrap_or_else(|error| panic!("{error}, after {:?}", self.again));
        assert_eq!(fetched.files, 2);
        assert_eq!(fetched.bytes, (FIRST.len() + SECOND.len()) as u64);
        let folder = self.folder();
        assert_eq!(fs::read(folder.join("train/dialogues_001.json")).unwrap(), FIRST);
        assert_eq!(fs::read(folder.join("db/taxi_db.json")).unwrap(), SECOND);
        assert!(fs::read_to_string(folder.join(ORIGIN)).unwrap().contains("MIT"));
        assert_eq!(names(&folder), [ORIGIN, "db", "train"]);
        assert_eq!(names(self.home.path()), ["multiwoz-2.2"], "something was left behind");
    }

    /// It fails, says all of `parts`, and there is no half-filled folder.
    #[track_caller]
    fn fails(&mut self, parts: &[&str]) {
        let error = self.fetch().expect_err("an error").to_string();
        for part in parts {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
        assert!(!self.folder().exists(), "a part of the files would be taken for all");
    }

    /// The first bytes that were asked for of the first file, request by request.
    fn ranges(&self) -> Vec<Option<usize>> {
        let requests = self.server.requests().into_iter();
        requests.filter(|(path, _)| path == UPSTREAM_FIRST).map(|(_, from)| from).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let mut case = Case::new();
    case.succeeds();
    assert_eq!(case.server.requests().len(), 2);
    case.succeeds();
    assert_eq!(case.server.requests(), []);
    // A server is not even needed.
    case.server = Server::start(&[]);
    case.succeeds();
}

#[test]
fn a_fetched_folder_is_mended_file_by_file() {
    let mut case = Case::new();
    case.succeeds();
    fs::write(case.folder().join("train/dialogues_001.json"), &FIRST[..20]).unwrap();
    case.server.requests();
    case.succeeds();
    assert_eq!(case.ranges(), [None], "only the file that was wrong, from its beginning");
    fs::remove_file(case.folder().join("db/taxi_db.json")).unwrap();
    case.succeeds();
}

#[test]
fn what_somebody_put_there_stays() {
    let mut case = Case::new();
    let own = case.folder().join("train/dialogues_001.json");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "[]").unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("dialogues_001.json") && error.contains("another folder"), "{error}");
    assert_eq!(fs::read(&own).unwrap(), b"[]");
    assert_eq!(case.server.requests(), []);
    // What is right is nobody's loss: the rest joins it.
    fs::write(&own, FIRST).unwrap();
    case.succeeds();
}

#[test]
fn an_empty_folder_is_filled() {
    let mut case = Case::new();
    fs::create_dir(case.folder()).unwrap();
    case.succeeds();
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let mut case = Case::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(elsewhere.path().join("there")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("there"), case.folder()).unwrap();
    case.succeeds();
    assert_eq!(names(elsewhere.path()), ["there"]);
    assert!(case.folder().is_symlink());
}

#[test]
fn a_broken_connection_is_gone_on_with() {
    let mut case = Case::with(&[Answer::BreakOff(10), Answer::BreakOff(5)]);
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(10), Some(15)]);
    assert!(case.again[0].contains("broken off after 10 bytes"), "{:?}", case.again);
}

#[test]
fn a_stalled_connection_is_gone_on_with() {
    let mut case = Case::with(&[Answer::Stall(10), Answer::Silence]);
    let begin = Instant::now();
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(10), Some(10)]);
    assert!(begin.elapsed() < 8 * case.limits.silence, "it took {:?}: {:?}", begin.elapsed(), case.again);
}

#[test]
fn a_trickle_is_cut_and_gone_on_with() {
    let mut case = Case::with(&[Answer::Stall(10)]);
    (case.limits.silence, case.limits.whole_try) = (Duration::from_secs(60), Duration::from_millis(200));
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(10)]);
}

#[test]
fn a_later_call_goes_on_where_the_first_ended() {
    let mut case = Case::with(&[Answer::BreakOff(10), Answer::Silence, Answer::Status(500)]);
    case.fails(&[UPSTREAM_FIRST, "500", "given up after 3 tries", "What has come is kept"]);
    assert_eq!(case.ranges(), [None, Some(10), Some(10)]);
    case.succeeds();
    assert_eq!(case.ranges(), [Some(10)]);
}

#[test]
fn whole_files_of_an_earlier_call_are_not_fetched_again() {
    let mut case = Case::new();
    case.server.will(UPSTREAM_SECOND, &[Answer::Status(404)]);
    case.fails(&[UPSTREAM_SECOND, "404", "mirror"]);
    assert_eq!(case.ranges(), [None]);
    case.succeeds();
    assert_eq!(case.ranges(), []);
}

#[test]
fn a_server_without_ranges_starts_afresh() {
    let mut case = Case::with(&[Answer::BreakOff(10), Answer::NoRanges]);
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(10)]);
}

#[test]
fn a_part_that_begins_elsewhere_is_not_used() {
    let mut case = Case::with(&[Answer::BreakOff(10), Answer::OtherRange]);
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(10), None]);
}

#[test]
fn a_wrong_beginning_is_dropped_and_fetched_once_more() {
    let mut case = Case::with(&[Answer::BreakOff(0)]);
    case.limits.tries = 1;
    case.fails(&[]);
    let part = case.home.path().join(format!("multiwoz-2.2.fetching/{}.part", blob_of(FIRST)));
    fs::write(&part, "of an earlier time").unwrap();
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(18), None]);
    // One that is longer than the file makes the server refuse the range.
    let mut case = Case::with(&[Answer::BreakOff(0)]);
    case.limits.tries = 1;
    case.fails(&[]);
    case.limits.tries = 2;
    let part = case.home.path().join(format!("multiwoz-2.2.fetching/{}.part", blob_of(FIRST)));
    fs::write(&part, [b'x'; 1000]).unwrap();
    case.succeeds();
    assert_eq!(case.ranges(), [None, Some(1000), None]);
}

#[test]
fn too_long_a_claim_does_no_harm() {
    let mut case = Case::with(&[Answer::ClaimMore(7)]);
    case.succeeds();
    assert_eq!(case.ranges(), [None], "all of it was there");
}

#[test]
fn too_short_a_claim_is_found_out() {
    let mut case = Case::with(&[Answer::ClaimLess(7)]);
    case.succeeds();
    assert_eq!(case.ranges(), [None, None]);
    let mut case = Case::with(&[Answer::ClaimLess(7), Answer::ClaimLess(7)]);
    let length = format!("{} bytes", FIRST.len() - 7);
    case.fails(&[
        UPSTREAM_FIRST,
        &length,
        &blob_of(FIRST).to_string(),
        &blob_of(&FIRST[..FIRST.len() - 7]).to_string(),
    ]);
}

#[test]
fn no_claim_at_all_is_fine() {
    Case::with(&[Answer::NoLength(FIRST.len())]).succeeds();
    let mut case = Case::with(&[Answer::NoLength(9)]);
    case.succeeds();
    assert_eq!(case.ranges(), [None, None], "where a file without a length ends, nobody knows");
}

#[test]
fn another_file_is_refused() {
    let mut case = Case::with(&[Answer::Other(b"an old version")]);
    case.succeeds();
    let mut case = Case::with(&[Answer::Other(b"an old version"), Answer::Other(b"<html>sign in</html>")]);
    case.fails(&[UPSTREAM_FIRST, "20 bytes", "another file than the published one", "mirror"]);
    assert_eq!(case.ranges(), [None, None], "twice, and no more");
    case.succeeds();
}

#[test]
fn answers_that_will_not_change_are_final() {
    for (answer, said) in [(404, "404"), (403, "403"), (410, "410"), (204, "204")] {
        let mut case = Case::with(&[Answer::Status(answer)]);
        case.fails(&[UPSTREAM_FIRST, said, "mirror"]);
        assert_eq!(case.ranges(), [None], "{answer} was asked again");
    }
}

#[test]
fn answers_that_may_change_are_asked_again() {
    for status in [500, 502, 503, 429, 408] {
        let mut case = Case::with(&[Answer::Status(status)]);
        case.succeeds();
        assert_eq!(case.ranges(), [None, None]);
        let mut case = Case::with(&[Answer::Status(status), Answer::Status(status), Answer::Status(status)]);
        case.fails(&[UPSTREAM_FIRST, &status.to_string(), "3 tries"]);
    }
}

#[test]
fn redirects_are_followed_but_not_in_circles() {
    let case = Case::new();
    let mut redirected = Case::with(&[Answer::Redirect(format!("{}/{UPSTREAM_FIRST}", case.server.address))]);
    redirected.succeeds();
    assert_eq!(case.ranges(), [None]);
    let mut circle = Case::new();
    let itself = Answer::Redirect(format!("{}/{UPSTREAM_FIRST}", circle.server.address));
    circle.server.will(UPSTREAM_FIRST, &vec![itself; 100]);
    circle.fails(&[UPSTREAM_FIRST, "redirect"]);
}

#[test]
fn a_file_without_end_is_cut() {
    let mut case = Case::with(&[Answer::Endless]);
    case.fails(&[UPSTREAM_FIRST, "100000 bytes"]);
    let left: u64 = names(&case.home.path().join("multiwoz-2.2.fetching"))
        .iter()
        .map(|name| fs::metadata(case.home.path().join("multiwoz-2.2.fetching").join(name)).unwrap())
        .filter(|data| data.is_file())
        .map(|data| data.len())
        .sum();
    assert_eq!(left, 0, "it stays on the disk");
    case.succeeds();
}

#[test]
fn what_is_no_server_is_named() {
    let mut case = Case::with(&[Answer::Garbage, Answer::Garbage, Answer::Garbage]);
    case.fails(&[UPSTREAM_FIRST, "no answer"]);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = fetch_files(&published(), &case.folder(), Some(&nobody), &limits(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("no answer") && error.to_string().contains(&nobody), "{error}");
    for mirror in ["ftp://there", "there", "", "https://"] {
        let error = fetch_files(&published(), &case.folder(), Some(mirror), &limits(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("http://"), "{mirror}: {error}");
    }
    for mirror in ["http://no host/", "http://[::1"] {
        let error = fetch_files(&published(), &case.folder(), Some(mirror), &limits(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(mirror), "{error}");
    }
}

#[test]
fn two_fetches_do_not_collide() {
    let mut case = Case::with(&[Answer::Stall(10)]);
    case.limits.silence = Duration::from_secs(2);
    let (folder, address) = (case.folder(), case.server.address.clone());
    let mut refused = None;
    fetch_files(&published(), &folder, Some(&address), &case.limits, &mut |event| {
        if matches!(event, FetchEvent::Received { .. }) && refused.is_none() {
            refused = Some(fetch_files(&published(), &folder, Some(&address), &limits(), &mut |_| {}));
        }
    })
    .unwrap();
    let error = refused.unwrap().unwrap_err();
    assert!(matches!(&error, FetchError::Busy { folder: busy } if *busy == folder), "{error}");
    case.succeeds();
}

#[test]
fn the_disk_s_refusal_is_named() {
    let mut case = Case::new();
    fs::write(case.folder(), "a file").unwrap();
    let error = case.fetch().unwrap_err().to_string();
    assert!(error.contains("multiwoz-2.2") && error.contains("cannot"), "{error}");
}
