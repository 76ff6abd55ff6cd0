//! Cutting a JSON list, or an object, into its elements while it is read, so that one element at a time is in memory.
//! Elements are not looked into beyond brackets and quotes: what is in them is parsed by `json.rs`.

use std::io::{self, BufRead};

/// A place in a file, from 1; columns count bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    /// Moves over bytes.
    fn pass(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            self.line += bytes.iter().filter(|byte| **byte == b'\n').count();
            self.column = bytes.len() - last;
        } else {
            self.column += bytes.len();
        }
    }
}

/// What a file is cut into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// `[element, …]`
    List,
    /// `{"key": element, …}`
    Object,
}

impl Shape {
    fn brackets(self) -> (u8, u8) {
        match self {
            Shape::List => (b'[', b']'),
            Shape::Object => (b'{', b'}'),
        }
    }
}

/// Why there is no further element.
#[derive(Debug)]
pub(crate) enum Broken {
    Read(io::Error),
    /// The file ends too early, perhaps within an element whose bytes up to there are given.
    Cut {
        at: Position,
        element: Option<(Option<String>, Vec<u8>)>,
    },
    /// The file is a list where it should be an object, or another way round.
    OtherShape {
        at: Position,
    },
    /// Between elements there is something else than JSON has there.
    Syntax {
        at: Position,
        expected: &'static str,
    },
    /// An element has more bytes than are allowed.
    TooLarge {
        start: Position,
        key: Option<String>,
    },
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Broken::Read(error)
    }
}

/// An element of a list or an object.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// In an object.
    pub key: Option<String>,
    /// Where it begins.
    pub start: Position,
    /// Its text; empty if it is skipped.
    pub text: &'a [u8],
}

enum Expecting {
    Start,
    FirstOrEnd,
    CommaOrEnd,
    Nothing,
}

/// The elements of a file in order.
pub(crate) struct Elements {
    reader: Box<dyn BufRead + Send>,
    shape: Shape,
    limit: usize,
    position: Position,
    expecting: Expecting,
    buffer: Vec<u8>,
}

impl Elements {
    /// Of a file, none of which may have more than `limit` bytes.
    pub(crate) fn new(reader: Box<dyn BufRead + Send>, shape: Shape, limit: usize) -> Self {
        let position = Position { line: 1, column: 1 };
        Self { reader, shape, limit, position, expecting: Expecting::Start, buffer: Vec::new() }
    }

    /// The next element; its text is kept if `wanted` says so of its key. After an error there is none.
    pub(crate) fn next(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<Option<Element<'_>>, Broken> {
        let (open, close) = self.shape.brackets();
        if let Expecting::Nothing = self.expecting {
            return Ok(None);
        }
        if let Expecting::Start = self.expecting {
            match self.peek()? {
                Some(byte) if byte == open => self.pass_one(),
                Some(b'[' | b'{') => return Err(Broken::OtherShape { at: self.position }),
                Some(_) => return Err(self.syntax("a list or an object")),
                None => return Err(self.cut(None)),
            }
            self.expecting = Expecting::FirstOrEnd;
        }
        let is_first = matches!(self.expecting, Expecting::FirstOrEnd);
        match self.peek()? {
            None => return Err(self.cut(None)),
            Some(byte) if byte == close => {
                self.pass_one();
                self.expecting = Expecting::Nothing;
                return match self.peek()? {
                    None => Ok(None),
                    Some(_) => Err(self.syntax("nothing, since these are trailing characters")),
                };
            }
            Some(b',') if !is_first => self.pass_one(),
            Some(_) if !is_first => return Err(self.syntax("`,` or the end of the list of dialogues")),
            Some(_) => {}
        }
        let key = match self.shape {
            Shape::List => None,
            Shape::Object => Some(self.key()?),
        };
        self.expecting = Expecting::CommaOrEnd;
        self.start_of_value()?;
        let start = self.position;
        self.value(key.as_deref().is_none_or(wanted), start, &key)?;
        Ok(Some(Element { key, start, text: &self.buffer }))
    }

    fn key(&mut self) -> Result<String, Broken> {
        match self.peek()? {
            None => return Err(self.cut(None)),
            Some(b'"') => {}
            Some(_) => return Err(self.syntax("the name of a dialogue in quotes")),
        }
        let start = self.position;
        self.value(true, start, &None)?;
        let key = serde_json::from_slice(&self.buffer)
            .map_err(|_| Broken::Syntax { at: start, expected: "the name of a dialogue as a valid JSON text" })?;
        match self.peek()? {
            None => return Err(self.cut(None)),
            Some(b':') => self.pass_one(),
            Some(_) => return Err(self.syntax("`:`")),
        }
        Ok(key)
    }

    fn start_of_value(&mut self) -> Result<(), Broken> {
        match self.peek()? {
            None => Err(self.cut(None)),
            Some(b',' | b':' | b']' | b'}') => Err(self.syntax("a dialogue")),
            Some(_) => Ok(()),
        }
    }

    /// Moves over one value, whose first byte is next; its text is in the buffer if it is to be kept.
    fn value(&mut self, keep: bool, start: Position, key: &Option<String>) -> Result<(), Broken> {
        self.buffer.clear();
        let mut scan = Scan::default();
        let mut length = 0;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                let element = keep.then(|| (key.clone(), std::mem::take(&mut self.buffer)));
                return Err(self.cut(element));
            }
            let (used, ended) = scan.pass(chunk);
            length += used;
            if length > self.limit {
                return Err(Broken::TooLarge { start, key: key.clone() });
            }
            self.position.pass(&chunk[..used]);
            if keep {
                self.buffer.extend_from_slice(&chunk[..used]);
            }
            self.reader.consume(used);
            if ended {
                return Ok(());
            }
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let blank = chunk.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
            if let Some(byte) = chunk.get(blank).copied() {
                self.position.pass(&chunk[..blank]);
                self.reader.consume(blank);
                return Ok(Some(byte));
            }
            if chunk.is_empty() {
                return Ok(None);
            }
            self.position.pass(chunk);
            self.reader.consume(blank);
        }
    }

    fn pass_one(&mut self) {
        self.position.column += 1;
        self.reader.consume(1);
    }

    fn cut(&self, element: Option<(Option<String>, Vec<u8>)>) -> Broken {
        Broken::Cut { at: self.position, element }
    }

    fn syntax(&self, expected: &'static str) -> Broken {
        Broken::Syntax { at: self.position, expected }
    }
}

/// How far into a value a scan is.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scan {
    /// How many bytes of the chunk belong to the value, and whether it ends there.
    fn pass(&mut self, chunk: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            at += 1;
            if self.in_text {
                if self.escaped {
                    self.escaped = false;
                } else if byte == b'\\' {
                    self.escaped = true;
                } else if byte == b'"' {
                    self.in_text = false;
                    if self.depth == 0 {
                        return (at, true);
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' if self.depth == 0 => return (at - 1, true),
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at, true);
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return (at - 1, true),
                _ => {}
            }
        }
        (at, false)
    }
}
