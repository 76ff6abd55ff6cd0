//! Tensors in safetensors files: written from a store and read into one, a tensor at a time. A file is believed in nothing:
//! its header is held against what is expected before anything large is allocated. Folders are in `checkpoint.rs`.

use crate::SessionError;
use reformer_model::ModelConfig;
use reformer_tensor::{BackendError, DType, HostData, HostTensor, Shape, Store};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// Bytes before the header: its length, little-endian.
const PREFIX_BYTES: u64 = 8;
/// The format's own limit of a header.
const LARGEST_HEADER: u64 = 100_000_000;
/// Tensors start at a multiple of this in the file; the header is filled up with spaces.
const ALIGNMENT: usize = 8;
/// Bytes of an element: everything is saved as f32.
const ELEMENT_BYTES: usize = 4;

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
    let fail = || SessionError::file("read", path);
    let damaged = |message: String| SessionError::damaged(path, message);
    let mut file = File::open(path).map_err(fail())?;
    let length = file.metadata().map_err(fail())?.len();
    let metadata = read_header(&mut file, length).map_err(|error| match error {
        HeaderError::Lie(message) => damaged(message),
        HeaderError::Io(error) => fail()(error),
    })?;
    let specs = by_name(specs);
    check_header(&metadata, &specs).map_err(damaged)?;
    // The format keeps tensors without gaps; the order in the file is its own.
    let mut order: Vec<(usize, &TensorSpec)> = specs
        .into_iter()
        .filter_map(|spec| metadata.info(&spec.name).map(|info| (info.data_offsets.0, spec)))
        .collect();
    order.sort_by_key(|&(offset, _)| offset);
    for (_, spec) in order {
        let mut bytes = vec![0; spec.shape.elements() * ELEMENT_BYTES];
        file.read_exact(&mut bytes).map_err(fail())?;
        let data: Vec<f32> =
            bytes.as_chunks::<ELEMENT_BYTES>().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        if let Some(at) = data.iter().position(|value| !value.is_finite()) {
            return Err(damaged(format!("`{}` holds {} at {:?}", spec.name, data[at], spec.shape.index_of(at))));
        }
        store.declare(&spec.name, spec.shape, DType::F32)?;
        store.write(&spec.name, &HostTensor::f32(spec.shape, data))?;
    }
    Ok(())
}

/// The size and the hash of a file, a buffer at a time.
pub(crate) fn measure(path: &Path) -> Result<Written, SessionError> {
    let fail = || SessionError::file("read", path);
    let mut file = File::open(path).map_err(fail())?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer).map_err(fail())?;
        if count == 0 {
            return Ok(Written { bytes, sha256: hexadecimal(hash) });
        }
        hash.update(&buffer[..count]);
        bytes += count as u64;
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

enum HeaderError {
    Lie(String),
    Io(std::io::Error),
}

fn read_header(file: &mut File, length: u64) -> Result<Metadata, HeaderError> {
    let lie = |message: String| Err(HeaderError::Lie(message));
    if length < PREFIX_BYTES {
        return lie(format!("it has {length} bytes, too few for a safetensors header"));
    }
    let mut prefix = [0; PREFIX_BYTES as usize];
    file.read_exact(&mut prefix).map_err(HeaderError::Io)?;
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > LARGEST_HEADER || header_bytes > length - PREFIX_BYTES {
        return lie(format!("its header claims {header_bytes} bytes, the file has {length}"));
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_exact(&mut header).map_err(HeaderError::Io)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| HeaderError::Lie(format!("its header is wrong: {error}")))?;
    let expected = PREFIX_BYTES + header_bytes + metadata.data_len() as u64;
    if length != expected {
        return lie(format!("it has {length} bytes, its header speaks of {expected}"));
    }
    Ok(metadata)
}

/// Names, types and shapes are exactly those of `specs`.
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
    let unexpected = metadata.offset_keys().into_iter().find(|name| !specs.iter().any(|spec| spec.name == *name));
    match unexpected {
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
    let mut header = serde_json::to_vec(&metadata).map_err(|error| error.to_string())?;
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

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
