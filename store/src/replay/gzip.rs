//! A gzip member (RFC 1952).
//!
//! The reader of `flate2` drops up to 32 KiB of data that it decoded before it found damage. This one returns it.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// `miniz_oxide` decodes up to 32 KiB at once. With less room, what does not fit is lost when it finds damage.
const ROOM_BYTES: usize = 64 << 10;
const HEADER_BYTES: usize = 10;
const DEFLATE: u8 = 8;
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// A member whose header was read.
pub(super) struct GzipMember<R> {
    from: R,
    inflate: Decompress,
    crc: Crc,
    /// Decoded bytes, from `next` on not returned yet.
    decoded: Vec<u8>,
    next: usize,
    state: State,
}

enum State {
    Body,
    /// Damage after `decoded`.
    Failed(io::Error),
    /// The body has ended; the trailer follows.
    Trailer,
    Ended,
}

impl<R: BufRead> GzipMember<R> {
    pub(super) fn new(mut from: R) -> io::Result<Self> {
        read_header(&mut from).map_err(cut_off)?;
        let inflate = Decompress::new(false);
        Ok(Self { from, inflate, crc: Crc::new(), decoded: Vec::new(), next: 0, state: State::Body })
    }

    /// Returns the reader, which is behind the member after a read has returned 0.
    pub(super) fn into_inner(self) -> R {
        self.from
    }

    /// Decodes more, or notices the end.
    fn fill(&mut self) -> io::Result<()> {
        self.decoded.resize(ROOM_BYTES, 0);
        self.next = 0;
        let mut length = 0;
        while length == 0 && matches!(self.state, State::Body) {
            let input = self.from.fill_buf()?;
            let is_end = input.is_empty();
            let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
            let outcome = self.inflate.decompress(input, &mut self.decoded, FlushDecompress::None);
            // Also after an error, these tell what was decoded before it.
            let [taken, made] = [self.inflate.total_in() - taken, self.inflate.total_out() - made];
            self.from.consume(usize::try_from(taken).unwrap_or(usize::MAX));
            length = usize::try_from(made).unwrap_or(usize::MAX).min(ROOM_BYTES);
            match outcome {
                Ok(Status::StreamEnd) => self.state = State::Trailer,
                Ok(_) if is_end && length == 0 => self.state = State::Failed(cut_off(ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => self.state = State::Failed(damaged(&format!("the gzip data is damaged ({error})"))),
            }
        }
        self.decoded.truncate(length);
        self.crc.update(&self.decoded);
        Ok(())
    }

    fn check_trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.from.read_exact(&mut trailer).map_err(cut_off)?;
        let found = u64::from_le_bytes(trailer);
        let expected = u64::from(self.crc.sum()) | u64::from(self.crc.amount()) << 32;
        if found == expected { Ok(()) } else { Err(damaged("the gzip checksum does not match the data before it")) }
    }
}

impl<R: BufRead> Read for GzipMember<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut left = self.decoded.get(self.next..).unwrap_or_default();
            if !left.is_empty() {
                let length = left.read(buffer)?;
                self.next += length;
                return Ok(length);
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Body => {
                    self.state = State::Body;
                    self.fill()?;
                }
                State::Failed(error) => return Err(error),
                State::Trailer => self.check_trailer()?,
                State::Ended => return Ok(0),
            }
        }
    }
}

/// Reads the header of a member, of which nothing is needed.
fn read_header(from: &mut impl BufRead) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    from.read_exact(&mut header)?;
    let [_, _, method, flags, ..] = header;
    if method != DEFLATE || flags & RESERVED != 0 {
        return Err(damaged("not a gzip header of a known version"));
    }
    if flags & EXTRA != 0 {
        let mut length = [0; 2];
        from.read_exact(&mut length)?;
        io::copy(&mut from.by_ref().take(u64::from(u16::from_le_bytes(length))), &mut io::sink())?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            from.skip_until(0)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        from.read_exact(&mut [0; 2])?;
    }
    Ok(())
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::new(ErrorKind::UnexpectedEof, "the gzip data is cut off"),
        _ => error,
    }
}
