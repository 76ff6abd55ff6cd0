//! What is remembered of an adapter between processes: compiled kernels, and the fastest variants. A cache that can't be read or
//! written is no error: kernels are then compiled and measured again.

use crate::adapter::Adapter;
use crate::backend::Gpu;
use crate::product::ProductVariant;
use reformer_tensor::BackendError;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Products of this size are measured: large enough to tell variants apart, small enough for a start.
const MEASURED_SIZE: usize = 512;
/// The best of so many counts.
const MEASURED_REPEATS: usize = 2;
/// What a file of compiled kernels begins with; what follows is its checksum and the driver's bytes.
const MAGIC: &[u8; 8] = b"reformk1";
/// Bytes before the driver's.
const HEADER: usize = 16;

/// The file of an adapter in a folder, by its name and driver: another driver is another file.
pub(crate) fn file(folder: &Path, adapter: &Adapter, ending: &str) -> PathBuf {
    let text = format!("{} {} {}", adapter.name, adapter.interface, adapter.driver);
    let slug: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    folder.join(format!("{slug}.{ending}"))
}

/// FNV-1a of 64 bits: tells a torn or foreign file from a whole one, and one text from another.
pub(crate) fn hash<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    let more = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, more)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    hash(bytes).to_le_bytes()
}

/// Kernels that a driver compiled before; `None` if there is no whole file of them.
pub(crate) fn read_kernels(path: &Path) -> Option<Vec<u8>> {
    let bytes = fs::read(path).ok()?;
    let (header, content) = bytes.split_at_checked(HEADER)?;
    (header[..8] == *MAGIC && header[8..] == checksum(content)).then(|| content.to_vec())
}

/// Writes compiled kernels.
pub(crate) fn write_kernels(path: &Path, content: &[u8]) {
    write(path, &[MAGIC.as_slice(), &checksum(content), content].concat());
}

/// Writes a whole file or none: another process may read it at any moment. (Windows may refuse the renaming just then: the next process
/// writes it.)
pub(crate) fn write(path: &Path, content: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let temporary = path.with_extension(format!("{}.part", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // Nothing is lost but time.
        let _ = fs::remove_file(&temporary);
    }
}

impl Gpu {
    /// The same, with compiled kernels kept in `folder`.
    pub fn cached(self, folder: &Path) -> Self {
        self.device.remember_kernels(file(folder, &self.device.adapter, "kernels"));
        self
    }

    /// The same with the product's variant that is fastest on this adapter: measured once, the choice kept in `folder`. Variants change
    /// speed and no bit.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn tuned(self, folder: &Path) -> Result<Self, BackendError> {
        let path = file(folder, &self.device.adapter, "product");
        let known = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        let product = match known {
            Some(product) => product,
            None => {
                let times = self.measure_products(MEASURED_SIZE, MEASURED_REPEATS, &ProductVariant::candidates())?;
                let fastest =
                    times.into_iter().min_by_key(|(_, time)| *time).map_or(self.product, |(variant, _)| variant);
                write(&path, fastest.to_string().as_bytes());
                fastest
            }
        };
        Ok(Self { product, ..self })
    }

    /// The same with this variant of the product.
    pub fn with_product(self, product: ProductVariant) -> Self {
        Self { product, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_file_of_kernels_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("a.kernels");
        write_kernels(&path, b"compiled");
        assert_eq!(read_kernels(&path).as_deref(), Some(b"compiled".as_slice()));
        let whole = fs::read(&path).unwrap();
        for torn in [&whole[..whole.len() - 1], &whole[..HEADER - 1], &[], b"something else altogether"] {
            fs::write(&path, torn).unwrap();
            assert_eq!(read_kernels(&path), None, "{torn:?}");
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a temporary file was left");
    }
}
