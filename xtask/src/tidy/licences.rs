//! Which licences a dependency may have, and the reading of SPDX expressions.

use super::Violation;
use super::tree::Tree;

/// Licences that ask for nothing that MIT OR Apache-2.0 does not allow. MPL-2.0 binds only its own files.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Exceptions only add permissions, but each is read before it is listed.
const ALLOWED_EXCEPTIONS: &[&str] = &["LLVM-exception"];

/// Packages, on any platform, whose licence is not on the list.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let found = match &package.licence {
            None => format!("`{} {}` states no licence", package.name, package.version),
            Some(expression) => match allows(expression) {
                Ok(true) => continue,
                Ok(false) => {
                    format!(
                        "`{} {}` is licensed `{expression}`, which the list does not allow",
                        package.name, package.version
                    )
                }
                Err(why) => {
                    format!("`{} {}`: cannot read the licence `{expression}`: {why}", package.name, package.version)
                }
            },
        };
        let path = if package.member { package.manifest.as_str() } else { "Cargo.lock" };
        let name = format!("name = \"{}\"", package.name);
        let line = tree.file(path).and_then(|file| file.text.lines().position(|line| line == name));
        violations.push(Violation::new(
            path,
            line.map_or(0, |index| index + 1),
            found,
            "do without the package, or add its licence to ALLOWED in xtask/src/tidy/licences.rs after reading it",
        ));
    }
    violations
}

/// Whether an SPDX expression leaves a choice that is on the list: OR needs one side, AND both. `A/B` is an old OR.
fn allows(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, at: 0 };
    let allowed = parser.any()?;
    match parser.peek() {
        None => Ok(allowed),
        Some(word) => Err(format!("`{word}` is not expected there")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn skip(&mut self, word: &str) -> bool {
        let there = self.peek() == Some(word);
        self.at += usize::from(there);
        there
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut allowed = self.all()?;
        while self.skip("OR") {
            allowed |= self.all()?;
        }
        Ok(allowed)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut allowed = self.one()?;
        while self.skip("AND") {
            allowed &= self.one()?;
        }
        Ok(allowed)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.skip("(") {
            let allowed = self.any()?;
            return if self.skip(")") { Ok(allowed) } else { Err("a bracket is not closed".into()) };
        }
        let licence = self.peek().filter(|word| !["OR", "AND", "WITH", ")"].contains(word));
        let licence = licence.ok_or("a licence is missing")?;
        self.at += 1;
        let mut allowed = ALLOWED.contains(&licence);
        if self.skip("WITH") {
            let exception = self.peek().ok_or("an exception is missing after WITH")?;
            self.at += 1;
            allowed &= ALLOWED_EXCEPTIONS.contains(&exception);
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Package;
    use super::*;

    #[test]
    fn expressions_are_evaluated() {
        let rows = [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT/GPL-3.0", true),
            ("GPL-2.0 / MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("(MIT OR GPL-3.0-only) AND Unicode-3.0", true),
            ("(GPL-3.0-only OR AGPL-3.0-only) AND MIT", false),
            ("GPL-3.0-only AND MIT OR ISC", true),
            ("MIT AND (GPL-3.0-only OR ISC)", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Other-exception", false),
            ("LGPL-2.1-or-later WITH LLVM-exception OR Zlib", true),
        ];
        for (expression, allowed) in rows {
            assert_eq!(allows(expression), Ok(allowed), "{expression}");
        }
    }

    #[test]
    fn nonsense_is_no_licence() {
        for expression in ["", "MIT OR", "MIT ISC", "(MIT", "MIT)", "OR", "MIT WITH", "()"] {
            assert!(allows(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn a_planted_package_is_found() {
        let package = |name: &str, licence: Option<&str>| Package {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.map(String::from),
            member: false,
            manifest: String::new(),
            dependencies: vec![],
        };
        let mut tree = Tree::of(&[("Cargo.lock", "[[package]]\nname = \"bad\"\n")]);
        tree.packages = vec![package("bad", Some("GPL-3.0-only")), package("fine", Some("MIT")), package("mute", None)];
        let found: Vec<_> = check(&tree).into_iter().map(|violation| (violation.line, violation.found)).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].0, 2);
        assert!(found[0].1.contains("`bad 1.0.0` is licensed `GPL-3.0-only`"), "{found:?}");
        assert!(found[1].1.contains("`mute 1.0.0` states no licence"), "{found:?}");
    }
}
