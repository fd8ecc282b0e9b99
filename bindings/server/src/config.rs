//! Settings: from the command line, the environment and a file, in this order of precedence.

mod hook_secret;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use convofold::Zone;
use convofold::ingest::IgnoreList;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use self::hook_secret::{HookSecret, by_hook};
use crate::airship::{AirshipConfig, AirshipSettings};
use crate::alerts::{self, AlertSettings};
use crate::error::ServeError;
use crate::schedule::{CompactSettings, RetentionSettings};
use crate::span::Span;

/// The hook of `/webhooks/superoffice` and `/webhooks/airship` without a name.
pub(crate) const DEFAULT_HOOK: &str = "default";
/// Shown instead of a secret.
pub(crate) const REDACTED: &str = "(set)";

/// Settings that were given in one place. [`Settings::or`] combines places, [`Settings::resolve`] adds the defaults.
///
/// A settings file is TOML with the names of the options; see [`Settings::read`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// Folder of the database. Created if it does not exist.
    #[cfg_attr(feature = "clap", arg(long, value_name = "DIR", env = "CONVOFOLD_DB"))]
    pub db: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:7878]. An address that other machines can reach needs tokens
    /// (`convofold token add`), and TLS or --behind-proxy.
    #[cfg_attr(feature = "clap", arg(long, value_name = "ADDRESS:PORT", env = "CONVOFOLD_LISTEN"))]
    pub listen: Option<SocketAddr>,
    /// Requests come through a reverse proxy that adds TLS. Tokens are then needed on every address.
    #[cfg_attr(
        feature = "clap",
        arg(long, env = "CONVOFOLD_BEHIND_PROXY", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")
    )]
    pub behind_proxy: Option<bool>,
    /// Certificate chain in PEM. A changed file is used for new connections within a second.
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", env = "CONVOFOLD_TLS_CERT"))]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM.
    #[cfg_attr(feature = "clap", arg(long, value_name = "FILE", env = "CONVOFOLD_TLS_KEY"))]
    pub tls_key: Option<PathBuf>,
    /// Secret of a SuperOffice webhook; the hook of /webhooks/superoffice has the name `default`. Repeat it for other
    /// hooks, and for a second secret of one hook during a rotation. In the environment: one a line.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "HOOK=SECRET",
            env = "CONVOFOLD_SUPEROFFICE_SECRET",
            hide_env_values = true,
            value_delimiter = '\n'
        )
    )]
    #[serde(default, deserialize_with = "hook_secret::from_table")]
    pub superoffice_secret: Vec<HookSecret>,
    /// Airship's stream.
    #[cfg_attr(feature = "clap", command(flatten))]
    #[serde(default)]
    pub airship: AirshipSettings,
    /// Zone of times that are written without one, such as `Europe/Oslo` [default: UTC].
    #[cfg_attr(feature = "clap", arg(long, value_name = "ZONE", env = "CONVOFOLD_ZONE"))]
    pub zone: Option<String>,
    /// Unknown interaction types to ignore instead of rejecting them; separated by commas.
    #[cfg_attr(feature = "clap", arg(long, value_name = "TYPE,...", env = "CONVOFOLD_IGNORE", value_delimiter = ','))]
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Time to finish requests and to close the database after SIGTERM [default: 30s].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_GRACE"))]
    pub grace: Option<Span>,
    /// Time for which a webhook is held while the queue is full or the disk slow, before it is answered 503 [default: 10s].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_HOLD"))]
    pub hold: Option<Span>,
    /// Time for the header of a request, for the body of a webhook, and between two parts of a longer body [default: 10s].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_READ_TIMEOUT"))]
    pub read_timeout: Option<Span>,
    /// Time after which a client that does not read its response is cut off [default: 30s].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_WRITE_TIMEOUT"))]
    pub write_timeout: Option<Span>,
    /// Maximum size of the body of a webhook in bytes [default: 1048576].
    #[cfg_attr(feature = "clap", arg(long, value_name = "BYTES", env = "CONVOFOLD_MAX_BODY"))]
    pub max_body: Option<usize>,
    /// Maximum number of connections; more are closed at once [default: 1024].
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "CONVOFOLD_MAX_CONNECTIONS"))]
    pub max_connections: Option<usize>,
    /// Maximum number of readers of the change feed and of exports [default: 64].
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "CONVOFOLD_MAX_READERS"))]
    pub max_readers: Option<usize>,
    /// Maximum number of readers of the board: of the live page, one a tab [default: 1024].
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "CONVOFOLD_MAX_SCREENS"))]
    pub max_screens: Option<usize>,
    /// Maximum number of rejects that are kept; a webhook that would add more is answered 503 [default: 10000].
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "CONVOFOLD_MAX_REJECTS"))]
    pub max_rejects: Option<usize>,
    /// Maximum size of the kept rejects in bytes [default: 67108864].
    #[cfg_attr(feature = "clap", arg(long, value_name = "BYTES", env = "CONVOFOLD_MAX_REJECTS_BYTES"))]
    pub max_rejects_bytes: Option<u64>,
    /// Free space on the disk of the database below which /readyz fails, in bytes [default: 268435456].
    #[cfg_attr(feature = "clap", arg(long, value_name = "BYTES", env = "CONVOFOLD_MIN_FREE"))]
    pub min_free: Option<u64>,
    /// Time after which the live page shows a wait as a warning [default: 2m].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_WAIT_WARN"))]
    pub wait_warn: Option<Span>,
    /// Time after which the live page shows a wait as critical [default: 5m].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_WAIT_CRIT"))]
    pub wait_crit: Option<Span>,
    /// Time after which the live page marks an agent with open conversations who sent nothing [default: 30m].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DURATION", env = "CONVOFOLD_AGENT_SILENT"))]
    pub agent_silent: Option<Span>,
    /// Folder with the files of the live page, for working on it [default: those in the binary].
    #[cfg_attr(feature = "clap", arg(long, value_name = "DIR", env = "CONVOFOLD_UI_DIR"))]
    pub ui_dir: Option<PathBuf>,
    /// Address under which people reach this server, such as `https://chats.example.com`: for the links in alerts.
    #[cfg_attr(feature = "clap", arg(long, value_name = "URL", env = "CONVOFOLD_PUBLIC_URL"))]
    pub public_url: Option<String>,
    /// Maximum number of alerts that are active or were not delivered; no more begin [default: 10000].
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "CONVOFOLD_MAX_ALERTS"))]
    pub max_alerts: Option<usize>,
    /// Alerts: `[[alert]]` in a settings file.
    #[cfg_attr(feature = "clap", arg(skip))]
    #[serde(default)]
    pub alert: Vec<AlertSettings>,
    /// What is removed when it is old: `[retention]` in a settings file.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub retention: Option<RetentionSettings>,
    /// When the storage is compacted: `[compact]` in a settings file.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub compact: Option<CompactSettings>,
    /// Form of the log on standard error: text or json [default: text].
    #[cfg_attr(feature = "clap", arg(long, value_name = "FORM", env = "CONVOFOLD_LOG"))]
    pub log: Option<LogFormat>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// One line of text an entry.
    #[default]
    Text,
    /// One JSON object an entry.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("expected text or json, found {text:?}")),
        }
    }
}

impl Settings {
    /// Reads a settings file. Its names are those of the options:
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let file = dir.path().join("convofold.toml");
    /// # std::fs::write(&file, r#"
    /// db = "/var/lib/convofold"
    /// listen = "127.0.0.1:7878"
    /// grace = "20s"
    ///
    /// [superoffice-secret]
    /// default = ["the secret", "the next secret"]
    /// # "#)?;
    /// # let settings = convofold_server::Settings::read(&file)?;
    /// # assert_eq!(settings.grace, Some(convofold_server::Span::seconds(20)));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ServeError::Settings`] if the file cannot be read, or has an unknown name or an invalid value.
    pub fn read(file: &Path) -> Result<Self, ServeError> {
        let failed = |why: String| ServeError::Settings { why: format!("{}: {why}", file.display()) };
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            // Without the line itself, which may contain a secret.
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            failed(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        })
    }

    /// These settings; those that are not given are taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let secrets =
            if self.superoffice_secret.is_empty() { other.superoffice_secret } else { self.superoffice_secret };
        Self {
            db: self.db.or(other.db),
            listen: self.listen.or(other.listen),
            behind_proxy: self.behind_proxy.or(other.behind_proxy),
            tls_cert: self.tls_cert.or(other.tls_cert),
            tls_key: self.tls_key.or(other.tls_key),
            superoffice_secret: secrets,
            airship: self.airship.or(other.airship),
            zone: self.zone.or(other.zone),
            ignore: if self.ignore.is_empty() { other.ignore } else { self.ignore },
            grace: self.grace.or(other.grace),
            hold: self.hold.or(other.hold),
            read_timeout: self.read_timeout.or(other.read_timeout),
            write_timeout: self.write_timeout.or(other.write_timeout),
            max_body: self.max_body.or(other.max_body),
            max_connections: self.max_connections.or(other.max_connections),
            max_readers: self.max_readers.or(other.max_readers),
            max_screens: self.max_screens.or(other.max_screens),
            max_rejects: self.max_rejects.or(other.max_rejects),
            max_rejects_bytes: self.max_rejects_bytes.or(other.max_rejects_bytes),
            min_free: self.min_free.or(other.min_free),
            wait_warn: self.wait_warn.or(other.wait_warn),
            wait_crit: self.wait_crit.or(other.wait_crit),
            agent_silent: self.agent_silent.or(other.agent_silent),
            ui_dir: self.ui_dir.or(other.ui_dir),
            public_url: self.public_url.or(other.public_url),
            max_alerts: self.max_alerts.or(other.max_alerts),
            alert: if self.alert.is_empty() { other.alert } else { self.alert },
            retention: self.retention.or(other.retention),
            compact: self.compact.or(other.compact),
            log: self.log.or(other.log),
        }
    }

    /// Adds the defaults.
    ///
    /// # Errors
    /// [`ServeError::Settings`] if the database is not given, settings contradict each other, or a hook has more than two
    /// secrets.
    pub fn resolve(self) -> Result<Config, ServeError> {
        let refused = |why: &str| ServeError::Settings { why: why.to_owned() };
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(refused("tls-cert and tls-key belong together: give both or none")),
        };
        let superoffice_secret = by_hook(self.superoffice_secret).map_err(|why| refused(&why))?;
        let (tls_cert, tls_key) = tls.unzip();
        let config = Config {
            zone: self.zone.unwrap_or_else(|| Zone::default().to_string()),
            ignore: self.ignore,
            db: self.db.ok_or_else(|| refused("the database is not given: add --db DIR"))?,
            listen: self.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7878))),
            behind_proxy: self.behind_proxy.unwrap_or_default(),
            tls_cert,
            tls_key,
            grace: self.grace.unwrap_or(Span::seconds(30)),
            hold: self.hold.unwrap_or(Span::seconds(10)),
            read_timeout: self.read_timeout.unwrap_or(Span::seconds(10)),
            write_timeout: self.write_timeout.unwrap_or(Span::seconds(30)),
            max_body: self.max_body.unwrap_or(1 << 20),
            max_connections: self.max_connections.unwrap_or(1_024).clamp(1, Semaphore::MAX_PERMITS),
            max_readers: self.max_readers.unwrap_or(64).min(Semaphore::MAX_PERMITS),
            max_screens: self.max_screens.unwrap_or(1_024).min(Semaphore::MAX_PERMITS),
            max_rejects: self.max_rejects.unwrap_or(10_000),
            max_rejects_bytes: self.max_rejects_bytes.unwrap_or(64 << 20),
            min_free: self.min_free.unwrap_or(256 << 20),
            wait_warn: self.wait_warn.unwrap_or(Span::seconds(120)),
            wait_crit: self.wait_crit.unwrap_or(Span::seconds(300)),
            agent_silent: self.agent_silent.unwrap_or(Span::seconds(1_800)),
            ui_dir: self.ui_dir,
            public_url: self.public_url,
            max_alerts: self.max_alerts.unwrap_or(10_000),
            alert: self.alert,
            retention: self.retention,
            compact: self.compact,
            log: self.log.unwrap_or_default(),
            superoffice_secret,
            airship: self.airship.resolve().map_err(|why| refused(&why))?,
        };
        config.reading()?;
        alerts::resolve(&config.alert).map_err(|why| refused(&why))?;
        config.retention.as_ref().map_or(Ok(()), RetentionSettings::check).map_err(|why| refused(&why))?;
        if let Some(url) = config.public_url.as_deref().filter(|url| !is_public_url(url)) {
            return Err(refused(&format!("public-url is https://HOST[/BASE] or http://..., found {url:?}")));
        }
        if config.wait_crit < config.wait_warn {
            return Err(refused("wait-crit must not be shorter than wait-warn"));
        }
        Ok(config)
    }
}

/// The settings of a server. [`Settings::resolve`] gives one.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Config {
    /// The folder of the database.
    pub db: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Whether requests come through a reverse proxy.
    pub behind_proxy: bool,
    /// The certificate chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The zone of times that are written without one.
    pub zone: String,
    /// Unknown interaction types to ignore.
    pub ignore: Vec<String>,
    /// Time to end after SIGTERM.
    pub grace: Span,
    /// Time for which a webhook is held.
    pub hold: Span,
    /// Time to read a header or a part of a body.
    pub read_timeout: Span,
    /// Time for a client to read some of its response.
    pub write_timeout: Span,
    /// Maximum size of the body of a webhook, in bytes.
    pub max_body: usize,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of readers of the change feed and of exports.
    pub max_readers: usize,
    /// Maximum number of readers of the board.
    pub max_screens: usize,
    /// Maximum number of kept rejects.
    pub max_rejects: usize,
    /// Maximum size of the kept rejects, in bytes.
    pub max_rejects_bytes: u64,
    /// Free disk space below which the server is not ready, in bytes.
    pub min_free: u64,
    /// A wait of this length is a warning on the live page.
    pub wait_warn: Span,
    /// A wait of this length is critical on the live page.
    pub wait_crit: Span,
    /// The live page marks an agent with open conversations who sent nothing for this time.
    pub agent_silent: Span,
    /// A folder with the files of the live page, instead of those in the binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ui_dir: Option<PathBuf>,
    /// The address under which people reach this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Maximum number of alerts that are active or were not delivered.
    pub max_alerts: usize,
    /// The form of the log.
    pub log: LogFormat,
    /// The secrets of each SuperOffice hook.
    pub superoffice_secret: BTreeMap<String, Vec<String>>,
    /// Airship's stream, if it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub airship: Option<AirshipConfig>,
    /// The alerts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alert: Vec<AlertSettings>,
    /// What is removed when it is old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionSettings>,
    /// When the storage is compacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compact: Option<CompactSettings>,
}

impl Config {
    /// The settings as a settings file. Secrets are replaced by `(set)`.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut shown = self.clone();
        shown.superoffice_secret.values_mut().flatten().for_each(|secret| REDACTED.clone_into(secret));
        shown.alert = shown.alert.into_iter().map(|alert| alert.redacted(REDACTED)).collect();
        toml::to_string(&shown).unwrap_or_default()
    }

    /// How events are read.
    pub(crate) fn reading(&self) -> Result<(Zone, IgnoreList), ServeError> {
        let refused = |why: String| ServeError::Settings { why };
        let zone = self.zone.parse().map_err(|error: convofold::UnknownZone| refused(error.to_string()))?;
        let ignored =
            IgnoreList::new(self.ignore.iter().map(|name| name.trim())).map_err(|error| refused(error.to_string()))?;
        Ok((zone, ignored))
    }

    /// Whether only processes of this machine can send requests.
    pub(crate) fn is_private(&self) -> bool {
        self.listen.ip().is_loopback() && !self.behind_proxy
    }

    /// Refuses an address that others can reach without tokens, or without TLS.
    pub(crate) fn check(&self, has_tokens: bool) -> Result<(), ServeError> {
        if !self.is_private() && !has_tokens {
            return Err(ServeError::NoTokens { listen: self.listen });
        }
        if !self.listen.ip().is_loopback() && !self.behind_proxy && self.tls_cert.is_none() {
            return Err(ServeError::NoTls { listen: self.listen });
        }
        Ok(())
    }

    /// The folder for what belongs to the server and not to the database: tokens and rejects.
    pub(crate) fn folder(&self) -> PathBuf {
        folder_in(&self.db)
    }
}

fn is_public_url(url: &str) -> bool {
    let uri = url.parse::<axum::http::Uri>();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    })
}

/// The server's folder in the folder of a database.
pub(crate) fn folder_in(db: &Path) -> PathBuf {
    db.join("serve")
}

/// Without secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_toml())
    }
}

#[cfg(test)]
mod tests;
