//! `[[alert]]` in a settings file.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::span::Span;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlertWhen {
    /// The member waits for an answer, for at least `after`.
    Waiting,
    /// An open conversation has no agent, for at least `after`.
    Unassigned,
    /// An open conversation has at least `count` unread messages.
    Unread,
    /// An open conversation was not active, for at least `after`.
    Idle,
    /// The data of an open conversation look wrong (rule F10).
    Suspect,
    /// An upstream sends nothing for longer than usual, or for at least `after`, or refuses to send.
    SilentUpstream,
}

/// The form of the messages of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlertBody {
    /// A JSON object with everything that is known, for programs.
    #[default]
    Event,
    /// `{"text": "..."}`, for the incoming webhooks of chats.
    Text,
}

/// An alert: what it is about, which conversations, and where its messages go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct AlertSettings {
    /// Its name, which no other alert has.
    pub name: String,
    /// What it is about.
    pub when: AlertWhen,
    /// How long it must be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Number of unread messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Where messages go: an address that takes POST requests.
    pub url: String,
    /// Whether `url` may begin with http:// although it is not on this machine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_http: bool,
    /// The form of the messages.
    #[serde(default, skip_serializing_if = "is_default")]
    pub body: AlertBody,
    /// Whether messages contain the text of the last message.
    #[serde(default, skip_serializing_if = "is_default")]
    pub texts: bool,
    /// Secrets for the signature, `whsec_` and base64: none, one, or two during a rotation.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub secret: Vec<String>,
    /// Files with a secret each.
    #[serde(default, deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub secret_file: Vec<PathBuf>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only conversations, or upstreams, of no tenant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_tenant: bool,
    /// The channel of the latest message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only conversations without a channel.
    #[serde(default, skip_serializing_if = "is_default")]
    pub no_channel: bool,
    /// The id or name of the assigned agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The id or name of an agent that is assigned or was assigned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_agent: Option<String>,
    /// The agent with exactly this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The agent that is known by exactly this name and has no id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// Only unassigned conversations.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unassigned: bool,
    /// The member's name, business id or channel id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The member's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The shortcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcode: Option<String>,
    /// The minimum number of unread messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_min: Option<u32>,
    /// Only conversations that wait for an answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waiting: bool,
    /// Only conversations whose data look wrong.
    #[serde(default, skip_serializing_if = "is_default")]
    pub suspect: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `key = "value"` or `key = ["value", "next value"]`.
fn one_or_more<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore<T> {
        One(T),
        More(Vec<T>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(value) => vec![value],
        OneOrMore::More(values) => values,
    })
}

impl AlertSettings {
    /// Without secrets. The path of an address is one, too: it is all that the incoming webhook of a chat asks for.
    pub(crate) fn redacted(mut self, placeholder: &str) -> Self {
        self.secret.iter_mut().for_each(|secret| placeholder.clone_into(secret));
        if let Some((host, path)) = self.url.split_once("://").and_then(|(scheme, rest)| {
            let (host, path) = rest.split_once(['/', '?', '#'])?;
            Some((format!("{scheme}://{host}/"), path))
        }) && !path.is_empty()
        {
            self.url = host + placeholder;
        }
        self
    }
}

/// Without secrets.
impl std::fmt::Debug for AlertSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertSettings").field("name", &self.name).field("when", &self.when).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{KEY, SLOW};
    use crate::Settings;

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let refused = |more: &str, named: &str| {
            let text = format!("db = \"d\"\n[[alert]]\nname = \"x\"\n{more}\n");
            let why = match toml::from_str::<Settings>(&text) {
                Ok(settings) => settings.resolve().unwrap_err().to_string(),
                Err(error) => error.message().to_owned(),
            };
            assert!(why.contains(named) && !why.contains("sesame"), "{more}: {why}");
        };
        let url = "url = \"https://chat.example/sesame\"";
        refused(&format!("when = \"late\"\n{url}"), "unknown variant `late`");
        refused(&format!("when = \"waiting\"\nafter = \"1m\"\nagnet = \"x\"\n{url}"), "agnet");
        refused(&format!("when = \"waiting\"\n{url}"), "after is missing");
        refused(&format!("when = \"unread\"\n{url}"), "count is missing");
        refused(&format!("when = \"unread\"\ncount = 0\n{url}"), "at least 1");
        refused(&format!("when = \"idle\"\nafter = \"1m\"\ncount = 3\n{url}"), "unread");
        refused(&format!("when = \"suspect\"\nafter = \"1m\"\n{url}"), "no meaning");
        refused(&format!("when = \"waiting\"\nafter = \"0s\"\n{url}"), "at least 1s");
        refused(&format!("when = \"waiting\"\nafter = \"soon\"\n{url}"), "soon");
        refused(&format!("when = \"silent-upstream\"\nchannel = \"sms\"\n{url}"), "tenant and no-tenant only");
        refused("when = \"suspect\"\nurl = \"http://chat.example/sesame\"", "allow-http");
        refused("when = \"suspect\"\nurl = \"chat.example\"", "url");
        refused("when = \"suspect\"", "url");
        refused(&format!("when = \"suspect\"\nsecret = \"sesame\"\n{url}"), "whsec_");
        refused(&format!("when = \"suspect\"\nsecret-file = \"/nowhere/else\"\n{url}"), "/nowhere/else");
        refused(&format!("when = \"suspect\"\nsecret = [\"{KEY}\", \"{KEY}\", \"{KEY}\"]\n{url}"), "3 secrets");
        refused(
            &format!("when = \"suspect\"\n{url}\n[[alert]]\nname = \"x\"\nwhen = \"suspect\"\n{url}"),
            "two alerts",
        );
        let spaced = format!("db = \"d\"\n[[alert]]\nname = \"a b\"\nwhen = \"suspect\"\n{url}");
        assert!(toml::from_str::<Settings>(&spaced).unwrap().resolve().unwrap_err().to_string().contains("letters"));
        let relative = toml::from_str::<Settings>("db = \"d\"\npublic-url = \"chats.example\"").unwrap();
        assert!(relative.resolve().unwrap_err().to_string().contains("public-url"));
    }

    #[test]
    fn printed_settings_have_no_secret_and_are_refused_until_it_is_there_again() {
        let url = "https://chat.example/hooks/sesame?sig=sesame";
        let text = format!("db = \"d\"\n{}secret = \"{KEY}\"\ntenant = \"North\"", SLOW.replace("URL", url));
        let config = toml::from_str::<Settings>(&text).unwrap().resolve().unwrap();
        let printed = config.to_toml();
        assert!(
            !printed.contains("sesame") && !printed.contains("MfKQ") && printed.contains("https://chat.example/(set)"),
            "{printed}"
        );
        assert!(!format!("{config:?} {:?}", config.alert).contains("sesame"));
        let refused = |text: &str| toml::from_str::<Settings>(text).unwrap().resolve().unwrap_err().to_string();
        assert!(refused(&printed).contains("the url is missing"));
        let with_url = printed.replace("https://chat.example/(set)", url);
        assert!(refused(&with_url).contains("the secret is missing"));
        let whole = with_url.replace("(set)", KEY);
        assert_eq!(toml::from_str::<Settings>(&whole).unwrap().resolve().unwrap(), config);
    }

    #[test]
    fn the_example_of_the_documentation_is_a_settings_file() {
        let page = include_str!("../../../../docs/serving.md");
        let (_, example) = page.split_once("```toml\npublic-url").unwrap();
        let (example, _) = example.split_once("```").unwrap();
        let text = format!("db = \"d\"\npublic-url{example}").replace("/...", "/x");
        let config = toml::from_str::<Settings>(&text).unwrap().resolve().unwrap();
        assert_eq!(config.alert.len(), 2);
    }
}
