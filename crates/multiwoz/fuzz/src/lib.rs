//! What a loader must do with any bytes. The fuzz targets do it with what the engine thinks of, the crate's tests with the
//! seeds.

use reformer_multiwoz::{
    Corpus, DataError, Dialogue, Limits, Source, Split, Target, check_source, convert, read_text, write,
};
use std::fs;
use std::path::{Path, PathBuf};

/// A loader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loader {
    /// A list of dialogues, as MultiWOZ 2.2 has them.
    SchemaGuided,
    /// An object of dialogues, as MultiWOZ 2.0 and 2.1 have them.
    DataJson,
    /// A dialogue a line.
    Transcripts,
    /// A list of own dialogues.
    TranscriptList,
    /// A dialogue a line, packed.
    Gzip,
    /// An archive of any of these.
    Zip,
}

impl Loader {
    /// All of them.
    pub const ALL: [Loader; 6] = [
        Loader::SchemaGuided,
        Loader::DataJson,
        Loader::Transcripts,
        Loader::TranscriptList,
        Loader::Gzip,
        Loader::Zip,
    ];

    /// The fuzz target's name, and that of the folder of its seeds.
    pub fn name(self) -> &'static str {
        match self {
            Loader::SchemaGuided => "schema_guided",
            Loader::DataJson => "data_json",
            Loader::Transcripts => "transcripts",
            Loader::TranscriptList => "transcript_list",
            Loader::Gzip => "gzip",
            Loader::Zip => "zip",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Loader::SchemaGuided => "train/dialogues_001.json",
            Loader::DataJson => "data.json",
            Loader::Transcripts => "own.jsonl",
            Loader::TranscriptList => "own.json",
            Loader::Gzip => "own.jsonl.gz",
            Loader::Zip => "data.zip",
        }
    }
}

/// Far above what seeds have, and small enough to be reached.
const LIMITS: Limits = Limits { dialogue_bytes: 64 << 10, archive_entries: 100, unpacked_bytes: 1 << 20 };

/// A folder for a loader's files, used again and again.
pub struct Bench {
    loader: Loader,
    folder: PathBuf,
}

impl Bench {
    /// Makes the folder's parts. It should be in memory: it is written once for each input.
    pub fn new(loader: Loader, folder: &Path) -> Self {
        fs::create_dir_all(folder.join("data/train")).expect("the folder can be written");
        if loader == Loader::DataJson {
            fs::write(folder.join("data/valListFile.txt"), "MUL1\n").expect("the folder can be written");
        }
        Self { loader, folder: folder.to_owned() }
    }

    /// Reads the bytes and says whether they are dialogues.
    ///
    /// # Panics
    /// If a message is not one line of bounded length, if `check` finds nothing unreadable where reading fails or the other
    /// way round, or if dialogues are others after they were written and read.
    pub fn run(&self, bytes: &[u8]) -> bool {
        let file = self.folder.join("data").join(self.loader.file());
        fs::write(&file, bytes).expect("the folder can be written");
        let path = if self.loader == Loader::Zip { file.clone() } else { self.folder.join("data") };
        // Whatever is no dialogues may be text.
        if let Err(error) = read_text(&file, LIMITS.unpacked_bytes) {
            judge(&error.to_string());
        }
        let source = match Source::open_within(&path, LIMITS) {
            Ok(source) => source,
            Err(error) => {
                judge(&error.to_string());
                return false;
            }
        };
        let mut corpus = Corpus::default();
        let mut failed = false;
        for split in source.splits() {
            match read(&source, split) {
                Ok(dialogues) => *corpus.split_mut(split) = dialogues,
                Err(error) => {
                    judge(&error.to_string());
                    failed = true;
                }
            }
        }
        let flaws = check_source(&source);
        flaws.iter().for_each(|flaw| judge(&flaw.message));
        let unreadable = flaws.iter().any(|flaw| flaw.unreadable);
        let is_all_read = source.unread().is_ok_and(|unread| unread.dialogues.is_empty());
        assert_eq!(unreadable, failed || !is_all_read, "reading and checking disagree: {flaws:#?}");
        if !failed {
            self.write_and_read(&corpus);
            for target in Target::ALL {
                self.convert_and_read(&source, target, &corpus);
            }
        }
        !failed
    }

    fn write_and_read(&self, corpus: &Corpus) {
        let folder = self.folder.join("written");
        write(&folder, corpus, None).expect("the folder can be written");
        let source = Source::open(&folder);
        for split in Split::ALL {
            if !corpus.split(split).is_empty() {
                let again = source.as_ref().ok().map(|source| source.split(split));
                match again {
                    Some(Ok(again)) => assert!(again == corpus.split(split), "{split} is another after writing it"),
                    // What was just deep enough is a level deeper where a turn's annotation has a field of its own.
                    Some(Err(error)) => assert!(error.to_string().contains("recursion limit"), "{error}"),
                    None => panic!("what was written is not recognised"),
                }
            }
        }
        fs::remove_dir_all(&folder).expect("it was just written");
    }
}

impl Bench {
    fn convert_and_read(&self, source: &Source, target: Target, corpus: &Corpus) {
        let folder = self.folder.join("converted");
        if let Err(error) = convert(source, target, &folder, false) {
            return judge(&error.to_string());
        }
        let again = Source::open(&folder).ok();
        let texts = |dialogues: &[Dialogue]| -> Vec<Vec<String>> {
            dialogues
                .iter()
                .map(|dialogue| dialogue.text().map(|(who, what)| format!("{who}: {what}")).collect())
                .collect()
        };
        for split in Split::ALL.into_iter().filter(|split| !corpus.split(*split).is_empty()) {
            match again.as_ref().map(|again| read(again, split)) {
                Some(Ok(again)) => assert_eq!(texts(&again), texts(corpus.split(split)), "{split} as {target}"),
                Some(Err(error)) => assert!(error.to_string().contains("recursion limit"), "{target}: {error}"),
                None => panic!("what was written as {target} is not recognised"),
            }
        }
        fs::remove_dir_all(&folder).expect("it was just written");
    }
}

fn read(source: &Source, split: Split) -> Result<Vec<Dialogue>, DataError> {
    let mut dialogues = Vec::new();
    for part in source.parts(split)? {
        dialogues.append(&mut part?.dialogues);
    }
    Ok(dialogues)
}

/// A message is a line for people, whatever the bytes were.
fn judge(message: &str) {
    assert!(!message.chars().any(char::is_control), "{message:?} has control characters");
    assert!(message.len() < 4000, "a message of {} bytes", message.len());
}
