//! Tensors in safetensors files: written from a store and read into one, a tensor at a time. Names, shapes, types and sizes in a file's
//! header are checked before anything large is allocated, so that no file, however it came about, costs more memory than the model has.
//! Folders are in `checkpoint.rs`.

use crate::{SessionError, files};
use reformer_model::ModelConfig;
use reformer_tensor::{BackendError, DType, HostData, HostTensor, Shape, Store, refusable};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes before the header: its length, little-endian.
const PREFIX_BYTES: u64 = 8;
/// More than any model needs: two moments of 999 layers with 12 parameters each, 130 bytes an entry, are 3 MB.
pub(crate) const LARGEST_HEADER: u64 = 1 << 24;
/// Elements that are read at a time.
const READ_ELEMENTS: usize = 1 << 18;
/// Tensors start at a multiple of this in the file; the header is filled up with spaces.
const ALIGNMENT: usize = 8;
/// Bytes of an element: everything is saved as f32.
const ELEMENT_BYTES: usize = 4;

/// What to do where file and config don't fit: neither is known to be the wrong one, so nothing should be removed.
const OTHER_MODEL: &str = "; it is of another model than config.json: bring back the one of both that was changed";

/// A tensor of f32 that a file must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name, in the file and in the store.
    pub name: String,
    /// Its dimensions.
    pub shape: Shape,
}

/// The parameters of a model, in name order.
pub fn parameter_specs(config: &ModelConfig) -> Vec<TensorSpec> {
    config.parameters().into_iter().map(|spec| TensorSpec { name: spec.name, shape: spec.shape }).collect()
}

/// Bytes of tensors, in a file or in memory.
pub(crate) fn tensor_bytes(specs: &[TensorSpec]) -> u64 {
    specs
        .iter()
        .map(|spec| (spec.shape.elements() as u64).saturating_mul(ELEMENT_BYTES as u64))
        .fold(0, u64::saturating_add)
}

/// SHA-256 over all parameters in name order: for each its name, a zero byte, and its elements as little-endian f32.
///
/// # Errors
/// If the store lacks one.
pub fn parameters_sha256(store: &dyn Store, parameters: &[TensorSpec]) -> Result<String, SessionError> {
    let mut hash = Sha256::new();
    for spec in by_name(parameters) {
        let tensor = store.read(&spec.name)?;
        hash.update(spec.name.as_bytes());
        hash.update([0]);
        hash.update(little_endian(elements(spec, &tensor)?.as_ref()).as_ref());
    }
    Ok(hexadecimal(hash))
}

/// What a file must be: its size and its hash.
pub(crate) struct Written {
    pub bytes: u64,
    pub sha256: String,
}

/// Writes `specs` out of `store`, in name order, and waits until they are on disk. One tensor is in memory at a time.
pub(crate) fn write_tensors(
    path: &Path,
    store: &dyn Store,
    specs: &[TensorSpec],
    step: u64,
) -> Result<Written, SessionError> {
    let fail = || SessionError::file("write", path);
    let specs = by_name(specs);
    let file = File::create(path).map_err(fail())?;
    let mut out = Hashing { file: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
    let header = header(&specs).map_err(|message| SessionError::format(path, message))?;
    out.write(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write(&header)).map_err(fail())?;
    for spec in specs {
        let tensor = store.read(&spec.name)?;
        let data = elements(spec, &tensor)?;
        if let Some(at) = data.iter().position(|value| !value.is_finite()) {
            return Err(SessionError::NotFinite { step, tensor: spec.name.clone(), value: data[at], at });
        }
        out.write(little_endian(&data).as_ref()).map_err(fail())?;
    }
    let Hashing { file, hash, bytes } = out;
    let file = file.into_inner().map_err(|error| fail()(error.into_error()))?;
    file.sync_all().map_err(fail())?;
    Ok(Written { bytes, sha256: hexadecimal(hash) })
}

/// Reads exactly `specs` into `store`, declaring them where they are new. Nothing is written to the store before the whole header is
/// known to be right.
pub(crate) fn read_tensors(path: &Path, specs: &[TensorSpec], store: &mut dyn Store) -> Result<(), SessionError> {
    let (file, length) = files::open(path).map_err(|unusable| unusable.in_checkpoint(path))?;
    read_from(file, length, specs, store).map_err(|fault| fault.of(path))
}

/// What the header of a file says beside its tensors.
pub(crate) fn read_metadata(path: &Path) -> Result<BTreeMap<String, String>, SessionError> {
    let (mut file, length) = files::open(path).map_err(|unusable| unusable.in_checkpoint(path))?;
    let (metadata, _) = read_header(&mut file, length).map_err(|fault| fault.of(path))?;
    Ok(metadata.metadata().iter().flatten().map(|(name, text)| (name.clone(), text.clone())).collect())
}

/// Copies a file of tensors, with a header that says this beside them, and waits until it is on disk.
pub(crate) fn copy_with_metadata(from: &Path, to: &Path, said: BTreeMap<String, String>) -> Result<(), SessionError> {
    let (mut file, length) = files::open(from).map_err(|unusable| unusable.in_checkpoint(from))?;
    let (metadata, start) = read_header(&mut file, length).map_err(|fault| fault.of(from))?;
    let tensors =
        metadata.offset_keys().into_iter().filter_map(|name| Some((name.clone(), metadata.info(&name)?.clone())));
    let described = Metadata::new(Some(said.into_iter().collect()), tensors.collect())
        .map_err(|error| SessionError::damaged(from, error.to_string()))?;
    // By way of a value, whose keys are in order: the same weights give the same file.
    let described = serde_json::to_value(&described).map_err(|error| SessionError::format(to, error.to_string()))?;
    let header = header_bytes(&described).map_err(|message| SessionError::format(to, message))?;
    let fail = || SessionError::file("write", to);
    let mut out = File::create(to).map_err(fail())?;
    out.write_all(&(header.len() as u64).to_le_bytes()).and_then(|()| out.write_all(&header)).map_err(fail())?;
    file.seek(SeekFrom::Start(start)).map_err(SessionError::file("read", from))?;
    std::io::copy(&mut file, &mut out).map_err(fail())?;
    out.sync_all().map_err(fail())
}

fn read_from(
    mut file: impl Read + Seek,
    length: u64,
    specs: &[TensorSpec],
    store: &mut dyn Store,
) -> Result<(), Fault> {
    let (metadata, start) = read_header(&mut file, length)?;
    let specs = by_name(specs);
    check_header(&metadata, &specs).map_err(Fault::OtherModel)?;
    for spec in specs {
        let offset = metadata.info(&spec.name).map_or(0, |info| info.data_offsets.0);
        file.seek(SeekFrom::Start(start + offset as u64))?;
        let data = read_elements(&mut file, spec.shape.elements())?;
        if let Some(at) = data.iter().position(|value| !value.is_finite()) {
            let (name, value, place) = (&spec.name, data[at], spec.shape.index_of(at));
            return Err(Fault::Lie(format!("`{name}` holds {value} at {place:?}, which no training can go on from")));
        }
        store.declare(&spec.name, spec.shape, DType::F32)?;
        store.write(&spec.name, &HostTensor::f32(spec.shape, data))?;
    }
    Ok(())
}

fn read_elements(file: &mut impl Read, count: usize) -> Result<Vec<f32>, Fault> {
    let mut data = Vec::new();
    let mut bytes = vec![0; count.min(READ_ELEMENTS) * ELEMENT_BYTES];
    while data.len() < count {
        let part = &mut bytes[..(count - data.len()).min(READ_ELEMENTS) * ELEMENT_BYTES];
        file.read_exact(part)?;
        if refusable(|| data.try_reserve_exact(count - data.len())).is_err() {
            return Err(std::io::Error::from(ErrorKind::OutOfMemory).into());
        }
        data.extend(part.as_chunks::<ELEMENT_BYTES>().0.iter().map(|&word| f32::from_le_bytes(word)));
    }
    Ok(data)
}

/// The SHA-256 of a file of `length` bytes, a buffer at a time; of fewer or more if it changed meanwhile.
pub(crate) fn sha256(file: File, length: u64) -> std::io::Result<String> {
    // A file that grows while it is read must not keep us for ever.
    let mut file = file.take(length + 1);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hexadecimal(hash));
        }
        hash.update(&buffer[..count]);
    }
}

struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

/// Why a file can't be read into a store.
enum Fault {
    Lie(String),
    OtherModel(String),
    Io(std::io::Error),
    Session(SessionError),
}

impl Fault {
    /// As the error of a file.
    fn of(self, path: &Path) -> SessionError {
        match self {
            Fault::Lie(message) => SessionError::damaged(path, message),
            Fault::OtherModel(message) => SessionError::damaged_with(path, message, OTHER_MODEL.to_owned()),
            Fault::Io(error) => match error.kind() {
                ErrorKind::UnexpectedEof => SessionError::damaged(path, "it became shorter while it was read"),
                _ => SessionError::file("read", path)(error),
            },
            Fault::Session(error) => error,
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Fault::Io(error)
    }
}

impl From<BackendError> for Fault {
    fn from(error: BackendError) -> Self {
        Fault::Session(error.into())
    }
}

/// The header, and where the data begins. That there are no gaps and overlaps, and that sizes are those of shapes and types, the library
/// checks.
fn read_header(file: &mut impl Read, length: u64) -> Result<(Metadata, u64), Fault> {
    let lie = |message: String| Err(Fault::Lie(message));
    if length < PREFIX_BYTES {
        return lie(format!("it has {length} bytes, too few for a safetensors header"));
    }
    let mut prefix = [0; PREFIX_BYTES as usize];
    file.read_exact(&mut prefix)?;
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > length - PREFIX_BYTES {
        return lie(format!("its header claims {header_bytes} bytes, the file has {length}"));
    }
    if header_bytes > LARGEST_HEADER {
        return lie(format!("its header claims {header_bytes} bytes, more than the {LARGEST_HEADER} of any model"));
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_exact(&mut header)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| Fault::Lie(format!("its header is wrong: {error}")))?;
    let start = PREFIX_BYTES + header_bytes;
    let data = metadata.data_len() as u64;
    if length - start != data {
        return lie(format!("it has {} bytes of tensors, its header speaks of {data}", length - start));
    }
    Ok((metadata, start))
}

/// Names, types and shapes are exactly those of `specs`, which are in name order.
fn check_header(metadata: &Metadata, specs: &[&TensorSpec]) -> Result<(), String> {
    for spec in specs {
        let info = metadata.info(&spec.name).ok_or_else(|| format!("the tensor `{}` is missing", spec.name))?;
        if info.dtype != Dtype::F32 || info.shape != spec.shape.dims() {
            return Err(format!(
                "the tensor `{}` is {:?} {:?}, expected F32 {}",
                spec.name, info.dtype, info.shape, spec.shape
            ));
        }
    }
    let known = |name: &String| specs.binary_search_by(|spec| spec.name.cmp(name)).is_ok();
    match metadata.offset_keys().into_iter().find(|name| !known(name)) {
        Some(name) => Err(format!("the tensor `{name}` does not belong to this model")),
        None => Ok(()),
    }
}

fn header(specs: &[&TensorSpec]) -> Result<Vec<u8>, String> {
    let mut offset = 0;
    let tensors = specs.iter().map(|spec| {
        let start = offset;
        offset += spec.shape.elements() * ELEMENT_BYTES;
        let info = TensorInfo { dtype: Dtype::F32, shape: spec.shape.dims().to_vec(), data_offsets: (start, offset) };
        (spec.name.clone(), info)
    });
    let metadata = Metadata::new(None, tensors.collect()).map_err(|error| error.to_string())?;
    header_bytes(&metadata)
}

fn header_bytes(metadata: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut header = serde_json::to_vec(metadata).map_err(|error| error.to_string())?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}

fn by_name(specs: &[TensorSpec]) -> Vec<&TensorSpec> {
    let mut specs: Vec<&TensorSpec> = specs.iter().collect();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    specs
}

/// The tensor as f32: the oracle's doubles are rounded.
fn elements<'a>(spec: &TensorSpec, tensor: &'a HostTensor) -> Result<Cow<'a, [f32]>, SessionError> {
    let data = match &tensor.data {
        HostData::F32(data) => Some(Cow::Borrowed(data.as_slice())),
        HostData::F64(data) => Some(Cow::Owned(data.iter().map(|&value| value as f32).collect())),
        HostData::U32(_) | HostData::I32(_) => None,
    };
    data.filter(|data| tensor.shape == spec.shape && data.len() == spec.shape.elements()).ok_or_else(|| {
        let kind = match tensor.data {
            HostData::F32(_) | HostData::F64(_) => "floats",
            HostData::U32(_) | HostData::I32(_) => "integers",
        };
        BackendError::State {
            name: spec.name.clone(),
            got: format!("{kind} {}", tensor.shape),
            expected: format!("f32 {}", spec.shape),
        }
        .into()
    })
}

fn little_endian(data: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(data))
    } else {
        Cow::Owned(data.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
}

pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reformer_tensor::shape;
    use std::any::Any;
    use std::io::Cursor;

    /// Holds nothing, but remembers what it was asked for.
    #[derive(Default)]
    struct Names(Vec<String>);

    impl Store for Names {
        fn declare(&mut self, name: &str, _: Shape, _: DType) -> Result<(), BackendError> {
            self.0.push(name.to_owned());
            Ok(())
        }

        fn write(&mut self, _: &str, _: &HostTensor) -> Result<(), BackendError> {
            Ok(())
        }

        fn read(&self, name: &str) -> Result<HostTensor, BackendError> {
            Err(BackendError::Missing { name: name.to_owned() })
        }

        fn names(&self) -> Vec<String> {
            self.0.clone()
        }

        fn remove(&mut self, _: &str) {}

        fn as_any_mut(&mut self) -> &mut dyn Any {
            self
        }
    }

    /// A file may become shorter between the moment when its length is known and that when its data is read.
    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error_and_not_a_tensor() {
        let spec = |name: &str, length| TensorSpec { name: name.to_owned(), shape: shape![length] };
        let specs = [spec("a", 2), spec("b", 3 * READ_ELEMENTS)];
        let Ok(header) = header(&by_name(&specs)) else { panic!("a header can be made") };
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(&header);
        file.resize(file.len() + (2 + 3 * READ_ELEMENTS) * ELEMENT_BYTES, 0);
        let length = file.len() as u64;
        let whole = &mut Names::default();
        assert!(read_from(Cursor::new(&file), length, &specs, whole).is_ok());
        assert_eq!(whole.0, ["a", "b"]);
        for left in [0, 4, 20, header.len(), header.len() + 8, header.len() + 12, file.len() / 2, file.len() - 1] {
            let mut store = Names::default();
            let fault = read_from(Cursor::new(&file[..left]), length, &specs, &mut store);
            assert!(
                matches!(&fault, Err(Fault::Io(error)) if error.kind() == ErrorKind::UnexpectedEof),
                "{left} bytes are left"
            );
            assert!(!store.0.contains(&"b".to_owned()), "half a tensor was taken for a whole one");
        }
    }
}
