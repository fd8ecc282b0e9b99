//! What a token for some tenants sees of feeds and exports: the events and states of their conversations.

use std::io::{self, Write};

use convofold::StorageError;
use serde::Deserialize;

use crate::app::App;
use crate::caller::Caller;

/// Whether the caller may ask about this conversation.
pub(super) fn sees(app: &App, caller: &Caller, conversation: &str) -> Result<bool, StorageError> {
    if caller.tenants().is_none() {
        return Ok(true);
    }
    let tenant = app.db.state(conversation)?.and_then(|state| state.tenant);
    Ok(caller.sees(tenant.as_deref()))
}

/// A writer that passes on those lines of an export that the caller may see.
pub(super) struct SeenLines<'a, W> {
    app: &'a App,
    caller: &'a Caller,
    out: W,
    line: Vec<u8>,
}

/// The conversation of a line: the id of a state, or that of an event.
#[derive(Deserialize)]
struct Named {
    #[serde(alias = "id")]
    conversation: String,
}

impl<'a, W: Write> SeenLines<'a, W> {
    pub(super) fn new(app: &'a App, caller: &'a Caller, out: W) -> Self {
        Self { app, caller, out, line: Vec::new() }
    }
}

impl<W: Write> Write for SeenLines<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.caller.tenants().is_none() {
            return self.out.write(bytes);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                let Named { conversation } = serde_json::from_slice(&self.line)?;
                if sees(self.app, self.caller, &conversation).map_err(io::Error::other)? {
                    self.out.write_all(&self.line)?;
                }
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
