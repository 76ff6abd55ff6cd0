//! One file over HTTP: begun or gone on with, tried again where that may help, and kept only if it is what was published.
//! Which files, and where they end up, is decided by the caller.

use super::published::{BUFFER_BYTES, BlobId};
use super::{FetchError, FetchEvent, Limits};
use crate::DataError;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use ureq::http::{Response, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error};

/// A try that brought so much was a good one, though it broke off: the count of failures in a row begins anew.
const GOOD_TRY_BYTES: u64 = 1 << 20;
/// What came whole and is wrong is fetched once more from its beginning: a cache on the way may have been wrong once.
const WRONG_FILES: u32 = 2;

/// Takes files from servers.
pub(super) struct Downloader<'a> {
    agent: Agent,
    limits: &'a Limits,
}

/// How a try ended, where it did not bring the file.
enum Failure {
    /// Trying again may help.
    Passing(String),
    /// It won't.
    Final(FetchError),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Failure::Final(error.into())
    }
}

impl<'a> Downloader<'a> {
    /// Asks no server. The system's certificates are read; proxies are what the usual variables of the environment say.
    ///
    /// # Errors
    /// If `base` is an address that needs certificates and there are none.
    pub(super) fn new(base: &str, limits: &'a Limits) -> Result<Self, FetchError> {
        let certificates = rustls_native_certs::load_native_certs().certs;
        if certificates.is_empty() && base.starts_with("https:") {
            return Err(FetchError::NoCertificates { address: base.to_owned() });
        }
        let roots = certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let mut config = Agent::config_builder();
        if is_this_machine(base) {
            // A proxy would look for it on its own machine.
            config = config.proxy(None);
        }
        let agent = config
            .tls_config(tls.build())
            .http_status_as_error(false)
            .user_agent(concat!("reformer/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.silence))
            .timeout_recv_response(Some(limits.silence))
            .timeout_per_read(Some(limits.silence))
            .timeout_recv_body(Some(limits.whole_try))
            .build()
            .new_agent();
        Ok(Self { agent, limits })
    }

    /// Brings the file at `address` to `partial`, going on with what is there, until it has the id `expected`.
    ///
    /// # Errors
    /// If the server refuses, tries run out, what comes is wrong twice, or the system refuses. What has come stays, unless it is wrong.
    pub(super) fn bring(
        &self,
        address: &str,
        partial: &Path,
        expected: BlobId,
        tell: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), FetchError> {
        let mut failures = 0;
        let mut wrong = 0;
        // That something from an earlier time turns out wrong says nothing of the server.
        let mut forgiven = length_of(partial)? > 0;
        loop {
            let before = length_of(partial)?;
            match self.attempt(address, partial, before, tell) {
                Ok(()) => {
                    let (found, length) = BlobId::of_file(partial).map_err(DataError::file("read", partial))?;
                    if found == expected {
                        return Ok(());
                    }
                    fs::remove_file(partial).map_err(DataError::file("remove", partial))?;
                    wrong += u32::from(!std::mem::take(&mut forgiven));
                    if wrong == WRONG_FILES {
                        return Err(FetchError::other_file(address, length, found, expected));
                    }
                    tell(FetchEvent::Again { reason: "what came is not the published file" });
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(reason)) => {
                    // A server that claims too great a length breaks off after all of it.
                    if is_whole(partial, expected)? {
                        return Ok(());
                    }
                    let gain = length_of(partial)?.saturating_sub(before);
                    failures = if gain >= GOOD_TRY_BYTES { 1 } else { failures + 1 };
                    if failures >= self.limits.tries {
                        return Err(FetchError::GaveUp { address: address.to_owned(), reason, tries: failures });
                    }
                    tell(FetchEvent::Again { reason: &reason });
                    thread::sleep(self.limits.pause * (1 << (failures - 1).min(5)));
                }
            }
        }
    }

    /// One request, whose bytes are appended, or replace what is there where the server gives the file from its beginning.
    fn attempt(
        &self,
        address: &str,
        partial: &Path,
        have: u64,
        tell: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), Failure> {
        // Compressed, neither lengths nor ranges would be the file's.
        let mut request = self.agent.get(address).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| failure(address, &error))?;
        let status = response.status().as_u16();
        let append = match status {
            200 => false,
            206 if have > 0 && range_start(&response) == Some(have) => true,
            // The server has less than we do, or sends another part than was asked for: what is here is no beginning of its file.
            206 | 416 if have > 0 => {
                fs::remove_file(partial).map_err(DataError::file("remove", partial))?;
                return Err(Failure::Passing(format!("the answer is {status}, which does not go on at byte {have}")));
            }
            408 | 425 | 429 | 500.. => {
                return Err(Failure::Passing(format!("the server answers {}", response.status())));
            }
            _ => {
                let reason = format!("the server answers {}", response.status());
                return Err(Failure::Final(FetchError::Refused { address: address.to_owned(), reason }));
            }
        };
        self.receive(address, response.into_body(), partial, if append { have } else { 0 }, tell)
    }

    fn receive(
        &self,
        address: &str,
        body: Body,
        partial: &Path,
        have: u64,
        tell: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<(), Failure> {
        let total = body.content_length().and_then(|rest| have.checked_add(rest));
        let write = DataError::file("write", partial);
        let mut file: File =
            OpenOptions::new().create(true).append(true).open(partial).map_err(DataError::file("write", partial))?;
        file.set_len(have).map_err(&write)?;
        let mut reader = body.into_reader();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut received = have;
        let ended = loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => break Err(Failure::Passing(format!("broken off after {received} bytes: {error}"))),
            };
            received += count as u64;
            if received > self.limits.most_bytes {
                drop(file);
                fs::remove_file(partial).map_err(DataError::file("remove", partial))?;
                let reason = format!("more than {} bytes come, and no file is so long", self.limits.most_bytes);
                return Err(Failure::Final(FetchError::Refused { address: address.to_owned(), reason }));
            }
            file.write_all(&buffer[..count]).map_err(&write)?;
            tell(FetchEvent::Received { bytes: received, total });
        };
        file.sync_all().map_err(&write)?;
        ended
    }
}

/// Where a part begins, if the server says so: `bytes 100-199/200` begins at 100.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Whether to try again after an error that is no answer of the server's.
fn failure(address: &str, error: &Error) -> Failure {
    match error {
        Error::BadUri(_)
        | Error::Http(_)
        | Error::TooManyRedirects
        | Error::RedirectFailed
        | Error::InvalidProxyUrl => {
            Failure::Final(FetchError::Refused { address: address.to_owned(), reason: error.to_string() })
        }
        Error::ConnectProxyFailed(said) => {
            let reason = format!("the proxy that the environment names refuses: {said}");
            Failure::Final(FetchError::Refused { address: address.to_owned(), reason })
        }
        Error::Tls(_) | Error::Rustls(_) => {
            let reason = format!("the connection cannot be made secure: {error}");
            Failure::Final(FetchError::Refused { address: address.to_owned(), reason })
        }
        other => Failure::Passing(format!("no answer: {other}")),
    }
}

/// Whether an address is on this machine.
fn is_this_machine(address: &str) -> bool {
    let host = address.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// 0 for a file that is not there.
fn length_of(path: &Path) -> Result<u64, DataError> {
    match fs::metadata(path) {
        Ok(data) => Ok(data.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(DataError::file("read", path)(error)),
    }
}

/// Whether a file is there and has this id.
pub(super) fn is_whole(path: &Path, expected: BlobId) -> Result<bool, DataError> {
    match BlobId::of_file(path) {
        Ok((found, _)) => Ok(found == expected),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DataError::file("read", path)(error)),
    }
}
