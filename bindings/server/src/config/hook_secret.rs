//! The secrets of SuperOffice hooks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::REDACTED;

/// The maximum number of secrets of a hook: the current and the next one.
const MAX_SECRETS: usize = 2;

/// A secret of a hook: `HOOK=SECRET`.
#[derive(Clone, PartialEq, Eq)]
pub struct HookSecret {
    hook: String,
    secret: String,
}

/// Takes any text: the parser of the arguments would print a secret that it refuses. [`by_hook`] checks it.
impl FromStr for HookSecret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hook, secret) = text.split_once('=').unwrap_or(("", text));
        Ok(Self { hook: hook.to_owned(), secret: secret.to_owned() })
    }
}

impl HookSecret {
    fn check(&self) -> Result<(), String> {
        let Self { hook, secret } = self;
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if hook.is_empty() {
            return Err("a secret is given as HOOK=SECRET, such as default=...".to_owned());
        }
        if !is_name(hook) {
            return Err(format!("the name of a hook has 1 to 64 letters, digits, '-', '_' and '.', found {hook:?}"));
        }
        if secret.is_empty() {
            return Err(format!("the secret of the hook {hook} is empty"));
        }
        if secret == REDACTED {
            return Err(format!(
                "the secret of the hook {hook} is missing: --print-config shows {REDACTED} instead of it"
            ));
        }
        Ok(())
    }
}

/// Without the secret.
impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookSecret").field("hook", &self.hook).finish_non_exhaustive()
    }
}

/// In a file: `[superoffice-secret]` with `hook = "secret"` or `hook = ["secret", "next secret"]`.
pub(super) fn from_table<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<HookSecret>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let table = BTreeMap::<String, OneOrMore>::deserialize(deserializer)?;
    let mut secrets = Vec::new();
    for (hook, given) in table {
        let given = match given {
            OneOrMore::One(secret) => vec![secret],
            OneOrMore::More(secrets) => secrets,
        };
        secrets.extend(given.into_iter().map(|secret| HookSecret { hook: hook.clone(), secret }));
    }
    Ok(secrets)
}

/// The secrets of each hook, without repetitions.
pub(super) fn by_hook(given: Vec<HookSecret>) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut hooks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    given.iter().try_for_each(HookSecret::check)?;
    for HookSecret { hook, secret } in given {
        let secrets = hooks.entry(hook).or_default();
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    }
    match hooks.iter().find(|(_, secrets)| secrets.len() > MAX_SECRETS) {
        Some((hook, secrets)) => {
            let found = secrets.len();
            Err(format!("the hook {hook} has {found} secrets, but the maximum is {MAX_SECRETS}"))
        }
        None => Ok(hooks),
    }
}
