//! Compressed inputs: gzip members and zstd frames, any number of them in a row.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use zstd::stream::read::Decoder as ZstdDecoder;

use super::gzip::GzipMember;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// A frame without data: its first byte is 0x50 to 0x5f, and these bytes follow.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];
/// The number of bytes by which a member is recognised.
pub(super) const MAGIC_BYTES: usize = 4;
const BUFFER_BYTES: usize = 256 << 10;
/// The decoder of zstd drops what it decoded for a read in which it finds damage, so reads from it are small.
const ZSTD_READ_BYTES: usize = 1 << 10;

/// The remaining compressed bytes; the first part was read ahead.
type Rest = Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + Send>>>;

/// Decompresses members until the input ends.
///
/// Like gzip, it ignores zero bytes after a member (tapes and preallocated files have them), and anything else that is
/// not a member, about which it warns.
pub(super) struct Members {
    state: State,
    warning: Option<String>,
}

enum State {
    Between(Rest),
    Gzip(GzipMember<Rest>),
    Zstd(ZstdDecoder<'static, Rest>),
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Gzip,
    Zstd,
}

impl Codec {
    fn of(magic: &[u8]) -> Option<Self> {
        let is_skippable = || matches!(magic, [0x50..=0x5f, rest @ ..] if rest.starts_with(ZSTD_SKIPPABLE));
        if magic.starts_with(GZIP) {
            Some(Self::Gzip)
        } else if magic.starts_with(ZSTD) || is_skippable() {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// Whether an input that begins with these bytes is compressed.
pub(super) fn is_compressed(magic: &[u8]) -> bool {
    Codec::of(magic).is_some()
}

impl Members {
    /// `magic` are the first bytes, which were read from `reader`.
    pub(super) fn new(magic: Vec<u8>, reader: Box<dyn Read + Send>) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Self { state: State::Between(Cursor::new(magic).chain(reader)), warning: None }
    }

    /// What was ignored. Complete at the end of the input.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Begins the next member, or ends.
    fn begin(&mut self, rest: Rest) -> io::Result<State> {
        let (mut magic, mut rest) = read_ahead(rest)?;
        if magic.first() == Some(&0) {
            skip_zeros(&mut rest)?;
            (magic, rest) = read_ahead(rest)?;
        }
        Ok(match Codec::of(&magic) {
            Some(Codec::Gzip) => State::Gzip(GzipMember::new(rest)?),
            Some(Codec::Zstd) => State::Zstd(ZstdDecoder::with_buffer(rest)?.single_frame()),
            None if magic.is_empty() => State::Ended,
            None if magic.len() < MAGIC_BYTES && (GZIP.starts_with(&magic) || ZSTD.starts_with(&magic)) => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the last member is cut off"));
            }
            None => {
                let bytes = io::copy(&mut rest, &mut io::sink())?;
                self.warning =
                    Some(format!("ignored {bytes} bytes after the compressed data, which are not compressed"));
                State::Ended
            }
        })
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = match &mut self.state {
                State::Between(_) => 0,
                State::Gzip(member) => member.read(buffer)?,
                State::Zstd(frame) => {
                    let length = buffer.len().min(ZSTD_READ_BYTES);
                    frame.read(buffer.get_mut(..length).unwrap_or_default())?
                }
                State::Ended => return Ok(0),
            };
            if length > 0 {
                return Ok(length);
            }
            let rest = match std::mem::replace(&mut self.state, State::Ended) {
                State::Between(rest) => rest,
                State::Gzip(member) => member.into_inner(),
                State::Zstd(frame) => frame.finish(),
                State::Ended => return Ok(0),
            };
            self.state = self.begin(rest)?;
        }
    }
}

/// Reads the first bytes ahead, and puts them back.
fn read_ahead(rest: Rest) -> io::Result<(Vec<u8>, Rest)> {
    let (ahead, mut reader) = rest.into_inner();
    let unread = usize::try_from(ahead.position()).unwrap_or(usize::MAX);
    let mut magic = ahead.into_inner();
    magic.drain(..unread.min(magic.len()));
    let missing = MAGIC_BYTES.saturating_sub(magic.len()) as u64;
    reader.by_ref().take(missing).read_to_end(&mut magic)?;
    Ok((magic.clone(), Cursor::new(magic).chain(reader)))
}

fn skip_zeros(rest: &mut Rest) -> io::Result<()> {
    loop {
        let bytes = rest.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let is_end = zeros == 0 || zeros < bytes.len();
        rest.consume(zeros);
        if is_end {
            return Ok(());
        }
    }
}
