//! `convofold serve`.

use std::io::Write;
use std::path::PathBuf;
#[cfg(feature = "cluster")]
use std::sync::Arc;

use clap::Args;
use convofold_server::{Config, ServeError, Settings};

use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;

/// Receive events and answer questions over HTTP.
///
/// Keeps the database open, receives webhooks of SuperOffice (/webhooks/superoffice), of Airship (/webhooks/airship) and events
/// in any form (/api/v1/events), and answers questions, exports, the change feed and metrics. /openapi.json describes every
/// request. A response with status 200 to events means that they survive a power cut.
///
/// With --db nats://HOST:PORT/LOG it has no database: it asks the nodes of a cluster, shows its live page, and puts webhooks and
/// events into its log (docs/scaling.md).
///
/// Settings come from the arguments, then from the environment, then from the file of --config, which has the names of the
/// options, and `[[alert]]` for the messages about members who wait. The log goes to standard error. SIGTERM and Ctrl-C end
/// the server: it finishes its requests, writes a checkpoint and closes the database.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold serve --db ./db
  curl --data-binary @events.ndjson http://127.0.0.1:7878/api/v1/events
  curl 'http://127.0.0.1:7878/api/v1/conversations?waiting_min=10m&sort=waiting'
")]
pub struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
    /// Settings file in TOML.
    #[arg(long, value_name = "FILE", env = "CONVOFOLD_CONFIG")]
    config: Option<PathBuf>,
    /// Print the settings as a settings file, without secrets, and exit.
    #[arg(long)]
    print_config: bool,
}

impl ServeArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let config = self.config().map_err(|error| refused(None, &error))?;
        if self.print_config {
            write!(console.out(), "{}", config.to_toml())?;
            return Ok(Exit::Success);
        }
        if config.db.to_str().is_some_and(|db| db.starts_with("nats://")) {
            return serve_cluster(&config, console);
        }
        convofold_server::run(config.clone()).map_err(|error| refused(Some(&config), &error))?;
        Ok(Exit::Success)
    }

    fn config(&self) -> Result<Config, ServeError> {
        let file = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        self.settings.clone().or(file).resolve()
    }
}

/// Answers the questions of a cluster, with the tokens of its nodes, and puts events into its log.
#[cfg(feature = "cluster")]
fn serve_cluster(config: &Config, console: &mut Console) -> Result<Exit, CliError> {
    use convofold_cluster::nats::{PublishOptions, Publisher};

    let (nats, registry) = crate::across::open_log(config.db.to_str().unwrap_or_default())?;
    let answers = Arc::new(crate::across::Cluster::of_log(&registry, None, console)?.into_gather());
    let publisher = Arc::new(Publisher::new(&nats, &registry, PublishOptions::new()));
    convofold_server::run_relay(config, answers, Some(publisher)).map_err(|error| refused(Some(config), &error))?;
    Ok(Exit::Success)
}

#[cfg(not(feature = "cluster"))]
fn serve_cluster(config: &Config, _console: &mut Console) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Usage, format!("this command was built without clusters: {}", config.db.display())))
}

fn refused(config: Option<&Config>, error: &ServeError) -> CliError {
    let usage = || CliError::new(Exit::Usage, error.to_string());
    match (error, config) {
        (ServeError::Open(error), Some(config)) => CliError::open(&config.db, error),
        (ServeError::NoTokens { .. }, _) => {
            usage().hint("`convofold token add NAME --role ROLE --db DIR` makes one; or listen on 127.0.0.1")
        }
        (ServeError::NoTls { .. }, _) => usage().hint(
            "add --tls-cert and --tls-key, or --behind-proxy if a reverse proxy adds TLS; or listen on 127.0.0.1",
        ),
        (ServeError::Settings { .. }, _) => usage(),
        (ServeError::Close(_) | ServeError::Grace { .. }, _) => {
            CliError::new(Exit::Failure, chain(error)).hint("everything that was answered 200 is durable")
        }
        _ => CliError::new(Exit::Failure, chain(error)),
    }
}
