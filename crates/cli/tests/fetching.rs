//! `data fetch` as a user calls it, from servers on loopback that have nothing to give: what it says, and what it leaves behind.
//! Files that come, and servers that go wrong, are tested in `multiwoz`.

mod harness;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// A server that answers one request with this, and tells the request's first line.
fn server(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("bound").to_string();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        while lines.next().is_some_and(|line| !line.is_empty()) {}
        stream.write_all(answer.as_bytes()).expect("it listens");
        let _ = tell.send(first);
    });
    (address, told)
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Runs `data fetch`, and fails unless it was refused with all of `parts`.
fn refused(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], parts: &[&str]) {
    let mut program = harness::program(folder);
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REFORMER_MIRROR"] {
        program.env_remove(variable).env_remove(variable.to_lowercase());
    }
    let output =
        program.args(["data", "fetch"]).args(arguments).envs(variables.iter().copied()).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["error: "].iter().chain(parts) {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
}

#[test]
fn a_mirror_is_named_by_option_or_by_environment() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (address, told) = server(NOT_FOUND);
    refused(folder.path(), &["--mirror", &format!("http://{address}/m/")], &[], &[&address, "404", "mirror"]);
    let first = told.recv().expect("a request");
    assert!(first.starts_with("GET /m/data/MultiWOZ_2.2/dev/dialogues_001.json "), "{first}");
    // What has begun waits beside the place where `train` looks; that place is not half of it.
    assert!(folder.path().join("no-data/multiwoz-2.2.fetching").is_dir());
    assert!(!folder.path().join("no-data/multiwoz-2.2").exists());

    let (address, told) = server(NOT_FOUND);
    let variables = [("REFORMER_MIRROR", &*format!("http://{address}"))];
    refused(folder.path(), &["--out", "there"], &variables, &[&address, "404"]);
    assert!(told.recv().expect("a request").starts_with("GET /data/"));
    assert!(folder.path().join("there.fetching").is_dir());

    refused(folder.path(), &["--mirror", "mirror.example"], &[], &["mirror.example", "http://"]);
}

#[test]
fn proxies_of_the_environment_are_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (proxy, told) = server("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let variables = [("HTTP_PROXY", &*format!("http://{proxy}")), ("http_proxy", &*format!("http://{proxy}"))];
    refused(folder.path(), &["--mirror", "http://files.invalid"], &variables, &["files.invalid", "the proxy", "403"]);
    let first = told.recv().expect("a request");
    assert!(first.contains("files.invalid"), "{first}");
}

/// A file that somebody put where data is fetched to is not replaced; no server is asked.
#[test]
fn own_files_stay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = folder.path().join("own/train/dialogues_001.json");
    fs::create_dir_all(own.parent().expect("a folder")).expect("writable");
    fs::write(&own, "[]").expect("writable");
    let arguments = ["--out", "own", "--mirror", "http://127.0.0.1:9"];
    refused(folder.path(), &arguments, &[], &["dialogues_001.json", "another folder"]);
    assert_eq!(fs::read_to_string(&own).expect("readable"), "[]");
}
