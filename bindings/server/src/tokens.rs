//! Tokens: who may do what. Only their hashes are stored.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use std::fs::File;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::folder_in;
use crate::files::{self, Stamp};

/// The beginning of every token, by which scanners for leaked secrets find it.
const PREFIX: &str = "convofold_";
const SECRET_BYTES: usize = 32;
/// How long a change of the file may go unnoticed.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Ask questions.
    Read,
    /// Send events.
    Ingest,
    /// Both, and handle rejects.
    Admin,
}

impl Role {
    /// Whether a token with this role may do what `needed` may.
    pub(crate) fn includes(self, needed: Self) -> bool {
        self == Self::Admin || self == needed
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "ingest" => Ok(Self::Ingest),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("expected read, ingest or admin, found {text:?}")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        })
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Token {
    /// Its name, for the log and for its removal.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The tenants whose conversations its holder may see; `None`: all.
    pub tenants: Option<BTreeSet<String>>,
    /// Whether its holder may read message texts.
    pub texts: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: i64,
    /// The SHA-256 of the token, in hexadecimal.
    pub sha256: String,
}

/// A token to make.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The tenants whose conversations its holder may see; `None`: all.
    pub tenants: Option<BTreeSet<String>>,
    /// Whether its holder may read message texts.
    pub texts: bool,
}

/// Why tokens cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("cannot use the tokens in {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is not a list of tokens.
    #[error("{} is not a list of tokens: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is a token with this name already.
    #[error("there is a token with the name {name:?} already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is no token with this name.
    #[error("there is no token with the name {name:?}")]
    NotFound {
        /// The name.
        name: String,
    },
    /// Tenants limit questions only.
    #[error("tenants limit the role read only; the role {role} is for all tenants")]
    NotForTenants {
        /// The role.
        role: Role,
    },
    /// The name of a token has 1 to 64 letters, digits, `-`, `_` and `.`.
    #[error("the name of a token has 1 to 64 letters, digits, '-', '_' and '.', found {name:?}")]
    BadName {
        /// The name.
        name: String,
    },
}

/// The tokens of a database: the file `serve/tokens.json` in its folder. A backup does not contain them. A running server
/// uses a change within a second.
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    tokens: Vec<Token>,
}

impl TokenFile {
    /// The tokens of the database in this folder.
    #[must_use]
    pub fn of(db: &Path) -> Self {
        Self { path: folder_in(db).join("tokens.json") }
    }

    /// Makes a token and returns its secret, which is not stored. The folder of the database must exist.
    ///
    /// # Errors
    /// [`TokenError`] if the name is taken or invalid, tenants are given for another role than [`Role::Read`], or the file
    /// cannot be written.
    pub fn add(&self, new: NewToken) -> Result<String, TokenError> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let NewToken { name, role, tenants, texts } = new;
        if tenants.is_some() && role != Role::Read {
            return Err(TokenError::NotForTenants { role });
        }
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_valid) {
            return Err(TokenError::BadName { name });
        }
        if tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Exists { name });
        }
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| self.io(io::Error::other(error.to_string())))?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        tokens.push(Token { name, role, tenants, texts, created_at: clock_ms(), sha256: hash(&secret) });
        self.write(tokens)?;
        Ok(secret)
    }

    /// All tokens, in the order in which they were made.
    ///
    /// # Errors
    /// [`TokenError`] if the file cannot be read.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io(error)),
        };
        let damaged = |why: serde_json::Error| TokenError::Damaged { path: self.path.clone(), why: why.to_string() };
        serde_json::from_slice::<Content>(&bytes).map(|content| content.tokens).map_err(damaged)
    }

    /// Removes a token. A running server refuses it within a second.
    ///
    /// # Errors
    /// [`TokenError`] if there is no such token, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), TokenError> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let before = tokens.len();
        tokens.retain(|token| token.name != name);
        if tokens.len() == before {
            return Err(TokenError::NotFound { name: name.to_owned() });
        }
        self.write(tokens)
    }

    /// Locks the folder, so that two changes at a time do not undo each other.
    fn lock(&self) -> Result<File, TokenError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let locked = files::create_folder(folder).and_then(|()| File::open(folder)).and_then(|folder| {
            folder.lock()?;
            Ok(folder)
        });
        locked.map_err(|error| self.io(error))
    }

    fn write(&self, tokens: Vec<Token>) -> Result<(), TokenError> {
        let text = serde_json::to_vec_pretty(&Content { tokens }).unwrap_or_default();
        files::replace(&self.path, &text).map_err(|error| self.io(error))
    }

    fn io(&self, source: io::Error) -> TokenError {
        TokenError::Io { path: self.path.clone(), source }
    }

    fn stamp(&self) -> Option<Stamp> {
        Stamp::of(&self.path)
    }
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The system's clock, in milliseconds since the epoch.
pub(crate) fn clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The tokens that a running server accepts.
pub(crate) struct Tokens {
    file: TokenFile,
    known: Mutex<Known>,
}

struct Known {
    tokens: Arc<[Arc<Token>]>,
    stamp: Option<Stamp>,
    checked: Instant,
}

impl Tokens {
    pub(crate) fn open(file: TokenFile) -> Result<Self, TokenError> {
        let stamp = file.stamp();
        let tokens = file.list()?.into_iter().map(Arc::new).collect();
        Ok(Self { file, known: Mutex::new(Known { tokens, stamp, checked: Instant::now() }) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.current().is_empty()
    }

    /// The token with this secret. Every known hash is compared, in constant time.
    pub(crate) fn find(&self, secret: &str) -> Option<Arc<Token>> {
        let given = hash(secret);
        let mut found = None;
        for token in &*self.current() {
            if bool::from(token.sha256.as_bytes().ct_eq(given.as_bytes())) {
                found = Some(token.clone());
            }
        }
        found
    }

    /// Whether this token is there, unchanged.
    pub(crate) fn has(&self, token: &Token) -> bool {
        self.current().iter().any(|known| **known == *token)
    }

    /// The tokens, read again if the file has changed. A file that cannot be read changes nothing.
    fn current(&self) -> Arc<[Arc<Token>]> {
        let mut known = self.known.lock();
        if known.checked.elapsed() >= RELOAD_INTERVAL {
            known.checked = Instant::now();
            let stamp = self.file.stamp();
            if stamp != known.stamp {
                match self.file.list() {
                    Ok(tokens) => {
                        tracing::info!(tokens = tokens.len(), "the tokens have changed");
                        known.tokens = tokens.into_iter().map(Arc::new).collect();
                        known.stamp = stamp;
                    }
                    Err(error) => tracing::error!(%error, "the tokens cannot be read; the earlier ones stay in use"),
                }
            }
        }
        known.tokens.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str) -> NewToken {
        NewToken { name: name.to_owned(), role: Role::Read, tenants: None, texts: false }
    }

    #[test]
    fn a_token_is_found_by_its_secret_and_only_its_hash_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenFile::of(dir.path());
        assert!(file.list().unwrap().is_empty());
        let secret = file.add(new("wall")).unwrap();
        let other = file.add(new("desk")).unwrap();
        assert!(secret.starts_with(PREFIX) && secret != other);
        let stored = std::fs::read_to_string(dir.path().join("serve/tokens.json")).unwrap();
        assert!(!stored.contains(&secret[PREFIX.len()..]));
        let tokens = Tokens::open(file.clone()).unwrap();
        assert_eq!(tokens.find(&secret).unwrap().name, "wall");
        assert!(tokens.find(&secret[..20]).is_none() && tokens.find("").is_none());
        file.remove("wall").unwrap();
        assert_eq!(file.list().unwrap().len(), 1);
        assert!(matches!(file.remove("wall"), Err(TokenError::NotFound { .. })));
        assert!(matches!(file.add(new("desk")), Err(TokenError::Exists { .. })));
        assert!(matches!(file.add(new("a b")), Err(TokenError::BadName { .. })));
        for role in [Role::Ingest, Role::Admin] {
            let limited = NewToken { role, tenants: Some(BTreeSet::from(["North".to_owned()])), ..new("limited") };
            assert!(matches!(file.add(limited), Err(TokenError::NotForTenants { .. })), "{role}");
        }
    }

    #[test]
    fn the_files_can_be_read_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        TokenFile::of(dir.path()).add(new("wall")).unwrap();
        let mode = |path: &str| std::fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("serve"), mode("serve/tokens.json")), (0o700, 0o600));
    }

    #[test]
    fn tokens_that_are_made_at_the_same_time_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenFile::of(dir.path());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let file = &file;
                scope.spawn(move || file.add(new(&format!("t{number}"))).unwrap());
            }
        });
        assert_eq!(file.list().unwrap().len(), 8);
    }

    #[test]
    fn a_damaged_file_is_no_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenFile::of(dir.path());
        file.add(new("wall")).unwrap();
        std::fs::write(dir.path().join("serve/tokens.json"), "{").unwrap();
        assert!(matches!(file.list(), Err(TokenError::Damaged { .. })));
    }
}
