//! A server on loopback that serves a few files, each as it should or in one of the ways in which servers go wrong. For tests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How a request is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// As it should be, ranges included.
    Good,
    /// Whole, whatever range was asked for.
    NoRanges,
    /// As it should be, but nothing comes after so many bytes of the body, and the connection stays.
    Stall(usize),
    /// As it should be, but the connection is closed after so many bytes of the body.
    BreakOff(usize),
    /// So many bytes more are promised than come.
    ClaimMore(usize),
    /// So many bytes fewer are promised than there are.
    ClaimLess(usize),
    /// No length: the end of the connection is the end of the file, after so many bytes.
    NoLength(usize),
    /// Other bytes, ranges included.
    Other(&'static [u8]),
    /// A part that begins elsewhere than was asked for.
    OtherRange,
    /// An answer without a body.
    Status(u16),
    /// The file lies elsewhere.
    Redirect(String),
    /// Bytes without end.
    Endless,
    /// Nothing at all, and the connection stays.
    Silence,
    /// What is no HTTP.
    Garbage,
}

/// A request: its path and the first byte that it asks for.
pub(super) type Request = (String, Option<usize>);

/// What the server knows and has seen.
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    /// Answers to the coming requests for a path; when they run out, the answer is good.
    answers: Mutex<BTreeMap<String, Vec<Answer>>>,
    requests: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

/// Serves until it is dropped.
pub(super) struct Server {
    pub address: String,
    shelf: Arc<Shelf>,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(path, bytes)| (format!("/{path}"), bytes.to_vec())).collect();
        let (answers, requests, stop) = Default::default();
        let shelf = Arc::new(Shelf { files, answers, requests, stop });
        let of_thread = Arc::clone(&shelf);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shelf = Arc::clone(&of_thread);
                // A client that goes away ends the thread: that is no matter of the test's.
                thread::spawn(move || stream.and_then(|stream| shelf.answer(stream)));
            }
        });
        Self { address, shelf, listening: Some(listening) }
    }

    /// The coming requests for a path are answered so, later ones well.
    pub(super) fn will(&self, path: &str, answers: &[Answer]) {
        self.shelf.answers.lock().unwrap().insert(format!("/{path}"), answers.to_vec());
    }

    /// What was asked for since the last time.
    pub(super) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shelf.requests.lock().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shelf.stop.store(true, Ordering::SeqCst);
        let woken = TcpStream::connect(self.address.trim_start_matches("http://"));
        if let (Ok(_), Some(listening)) = (woken, self.listening.take()) {
            let _ = listening.join();
        }
    }
}

impl Shelf {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut from = None;
        let mut path = String::new();
        for line in BufReader::new(stream.try_clone()?).lines() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            }
            if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                from = range.trim_end_matches('-').parse().ok();
            }
        }
        self.requests.lock().unwrap().push((path.trim_start_matches('/').to_owned(), from));
        let answer = match self.answers.lock().unwrap().get_mut(&path) {
            Some(answers) if !answers.is_empty() => answers.remove(0),
            _ => Answer::Good,
        };
        match &answer {
            Answer::Silence => self.wait(),
            Answer::Garbage => stream.write_all(b"220 this is not the web\r\n\r\n")?,
            Answer::Status(code) => {
                write!(stream, "HTTP/1.1 {code} Said So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?
            }
            Answer::Redirect(to) => write!(
                stream,
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )?,
            Answer::Endless => {
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                while !self.stop.load(Ordering::SeqCst) {
                    stream.write_all(&[b' '; 4096])?;
                }
            }
            _ => match self.files.get(&path) {
                None => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?,
                Some(file) => self.serve(&mut stream, file, from, &answer)?,
            },
        }
        stream.shutdown(Shutdown::Both)
    }

    fn serve(&self, stream: &mut TcpStream, file: &[u8], from: Option<usize>, answer: &Answer) -> std::io::Result<()> {
        let file = if let Answer::Other(other) = answer { other } else { file };
        let from = from.filter(|_| !matches!(answer, Answer::NoRanges));
        let start = from.unwrap_or(0);
        if start >= file.len() && from.is_some() {
            return write!(stream, "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        let body = &file[start..];
        match from {
            Some(start) => {
                let said = if *answer == Answer::OtherRange { start - 1 } else { start };
                write!(
                    stream,
                    "HTTP/1.1 206 Part\r\nContent-Range: bytes {said}-{}/{}\r\n",
                    file.len() - 1,
                    file.len()
                )?;
            }
            None => write!(stream, "HTTP/1.1 200 OK\r\n")?,
        }
        let (claimed, sent) = match answer {
            Answer::ClaimMore(more) => (Some(body.len() + more), body.len()),
            Answer::ClaimLess(less) => (Some(body.len() - less), body.len()),
            Answer::NoLength(sent) => (None, *sent),
            Answer::Stall(sent) | Answer::BreakOff(sent) => (Some(body.len()), *sent),
            _ => (Some(body.len()), body.len()),
        };
        if let Some(claimed) = claimed {
            write!(stream, "Content-Length: {claimed}\r\n")?;
        }
        write!(stream, "Connection: close\r\n\r\n")?;
        stream.write_all(&body[..sent])?;
        if matches!(answer, Answer::Stall(_)) {
            self.wait();
        }
        Ok(())
    }

    /// Until the test is over.
    fn wait(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
