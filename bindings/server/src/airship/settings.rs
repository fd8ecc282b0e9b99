//! Settings of the stream.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::remote::Remote;
use crate::span::Span;

/// An app key is part of the name of a bookmark.
const MAX_APP_KEY_BYTES: usize = 100;

/// Settings of Airship's stream that were given in one place; a table `[airship]` in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct AirshipSettings {
    /// App key of the Airship project whose events are fetched by Real-Time Data Streaming. Needs --airship-token-file.
    #[cfg_attr(
        feature = "clap",
        arg(id = "airship-app-key", long = "airship-app-key", value_name = "KEY", env = "CONVOFOLD_AIRSHIP_APP_KEY")
    )]
    pub app_key: Option<String>,
    /// File with the token of the stream. It is read for each connection, so the token can be replaced.
    #[cfg_attr(
        feature = "clap",
        arg(
            id = "airship-token-file",
            long = "airship-token-file",
            value_name = "FILE",
            env = "CONVOFOLD_AIRSHIP_TOKEN_FILE"
        )
    )]
    pub token_file: Option<PathBuf>,
    /// Region of the Airship project: us or eu [default: us].
    #[cfg_attr(
        feature = "clap",
        arg(id = "airship-region", long = "airship-region", value_name = "REGION", env = "CONVOFOLD_AIRSHIP_REGION")
    )]
    pub region: Option<Region>,
    /// URL of the stream, instead of that of a region. Without TLS only on a loopback address.
    #[cfg_attr(
        feature = "clap",
        arg(id = "airship-url", long = "airship-url", value_name = "URL", env = "CONVOFOLD_AIRSHIP_URL")
    )]
    pub url: Option<String>,
    /// Time without a byte from Airship after which the connection is given up [default: 1m 30s].
    #[cfg_attr(
        feature = "clap",
        arg(
            id = "airship-silence",
            long = "airship-silence",
            value_name = "DURATION",
            env = "CONVOFOLD_AIRSHIP_SILENCE"
        )
    )]
    pub silence: Option<Span>,
    /// Longest pause before Airship is tried again after a failure of the network [default: 30s]. Other pauses are
    /// multiples of it: up to 10 times while Airship refuses the request or has no data, up to 30 times while another
    /// consumer is connected.
    #[cfg_attr(
        feature = "clap",
        arg(id = "airship-retry", long = "airship-retry", value_name = "DURATION", env = "CONVOFOLD_AIRSHIP_RETRY")
    )]
    pub retry: Option<Span>,
}

/// Where an Airship project is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Region {
    /// The United States.
    #[default]
    Us,
    /// The European Union.
    Eu,
}

impl Region {
    fn url(self) -> &'static str {
        match self {
            Self::Us => "https://connect.urbanairship.com/api/events",
            Self::Eu => "https://connect.asnapieu.com/api/events",
        }
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "us" => Ok(Self::Us),
            "eu" => Ok(Self::Eu),
            _ => Err(format!("expected us or eu, found {text:?}")),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "us",
            Self::Eu => "eu",
        })
    }
}

/// The settings of Airship's stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct AirshipConfig {
    /// The app key of the project.
    pub app_key: String,
    /// The file with the token.
    pub token_file: PathBuf,
    /// The URL of the stream.
    pub url: String,
    /// The time without a byte after which a connection is given up.
    pub silence: Span,
    /// The longest pause after a failure of the network.
    pub retry: Span,
}

impl AirshipSettings {
    /// These settings; those that are not given are taken from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        // An address of one place replaces that of another one.
        let (region, url) = if self.region.is_some() || self.url.is_some() {
            (self.region, self.url)
        } else {
            (other.region, other.url)
        };
        Self {
            app_key: self.app_key.or(other.app_key),
            token_file: self.token_file.or(other.token_file),
            region,
            url,
            silence: self.silence.or(other.silence),
            retry: self.retry.or(other.retry),
        }
    }

    /// Adds the defaults. `None` if nothing is given.
    pub(crate) fn resolve(self) -> Result<Option<AirshipConfig>, String> {
        if self == Self::default() {
            return Ok(None);
        }
        let app_key = self.app_key.ok_or("airship: app-key is missing")?;
        if !(1..=MAX_APP_KEY_BYTES).contains(&app_key.len()) || !app_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("airship: app-key has 1 to 100 printable characters, found {app_key:?}"));
        }
        let token_file = self.token_file.ok_or("airship: token-file is missing")?;
        if self.region.is_some() && self.url.is_some() {
            return Err("airship: give region or url, not both".to_owned());
        }
        let url = self.url.unwrap_or_else(|| self.region.unwrap_or_default().url().to_owned());
        check(&url).map_err(|why| format!("airship: invalid url {url:?}: {why}"))?;
        let (silence, retry) = (self.silence.unwrap_or(Span::seconds(90)), self.retry.unwrap_or(Span::seconds(30)));
        if silence.0.is_zero() || retry.0.is_zero() {
            return Err("airship: silence and retry must be longer than 0s".to_owned());
        }
        Ok(Some(AirshipConfig { app_key, token_file, url, silence, retry }))
    }
}

fn check(url: &str) -> Result<(), String> {
    let remote = Remote::of_url(url).map_err(|error| error.to_string())?;
    if remote.query.is_some() {
        return Err("it must not have a query".to_owned());
    }
    if remote.is_overheard() {
        return Err("the token would cross the network in clear: use https".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(toml: &str) -> AirshipSettings {
        toml::from_str(&format!("app-key = \"K\"\ntoken-file = \"t\"\n{toml}")).unwrap()
    }

    #[test]
    fn the_region_selects_the_url() {
        let url = |toml: &str| given(toml).resolve().unwrap().unwrap().url;
        assert_eq!(url(""), "https://connect.urbanairship.com/api/events");
        assert_eq!(url("region = \"eu\""), "https://connect.asnapieu.com/api/events");
        assert_eq!(url("url = \"http://127.0.0.1:9/x\""), "http://127.0.0.1:9/x");
        let both = given("region = \"eu\"").or(given("url = \"http://localhost/x\""));
        assert_eq!(both.resolve().unwrap().unwrap().url, "https://connect.asnapieu.com/api/events");
        assert_eq!(AirshipSettings::default().resolve(), Ok(None));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        for (toml, named) in [
            ("url = \"http://example.com/api/events\"", "in clear"),
            ("url = \"ftp://127.0.0.1\"", "https://"),
            ("url = \"https://me@example.com/\"", "must not contain a user"),
            ("url = \"https://example.com/?a\"", "must not have a query"),
            ("url = \"/api/events\"", "host"),
            ("url = \"https://example.com\"\nregion = \"us\"", "not both"),
            ("silence = \"0s\"", "longer than 0s"),
        ] {
            let refused = given(toml).resolve().unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
        for (missing, named) in
            [("app-key = \"K\"", "token-file"), ("token-file = \"t\"", "app-key"), ("silence = \"1s\"", "app-key")]
        {
            let settings: AirshipSettings = toml::from_str(missing).unwrap();
            assert!(settings.resolve().unwrap_err().contains(named), "{missing}");
        }
        let bad: AirshipSettings = toml::from_str("app-key = \"a b\"\ntoken-file = \"t\"").unwrap();
        assert!(bad.resolve().unwrap_err().contains("a b"));
    }
}
