//! Events of a host's own source.

use convofold::{AgentMention, Draft, Identity, Time};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{Failure, named, value_error};
use crate::result::Show;
use crate::state::AgentRef;
use crate::time::{datetime, time_opt};

/// One fact about one conversation.
///
/// The arguments are the keys of convofold's own form of an event. What is left out, or None, is not said; `agent=False` says
/// that nobody is assigned, otherwise it is an AgentRef, a dict with `id`, `name` or both, or an id. Times are milliseconds
/// since the epoch, datetimes that know their zone, or RFC 3339 texts. An event without an `identity` is known again by its
/// content.
#[pyclass(frozen, eq, module = "convofold")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event(pub(crate) convofold::Event);

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (
        source, conversation, kind, *, identity=None, part=0, occurred=None, sent=None, started=None, active=None,
        unread=None, agent=None, direction=None, channel=None, text=None, member_name=None, member_number=None,
        member_business_id=None, member_channel_id=None, shortcode=None, app_key=None, tenant=None, session=None,
        convofold=1
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn new(
        source: &str,
        conversation: &str,
        kind: &str,
        identity: Option<&str>,
        part: u8,
        occurred: Option<&Bound<'_, PyAny>>,
        sent: Option<&Bound<'_, PyAny>>,
        started: Option<&Bound<'_, PyAny>>,
        active: Option<&Bound<'_, PyAny>>,
        unread: Option<u64>,
        agent: Option<&Bound<'_, PyAny>>,
        direction: Option<&str>,
        channel: Option<&str>,
        text: Option<&str>,
        member_name: Option<&str>,
        member_number: Option<&str>,
        member_business_id: Option<&str>,
        member_channel_id: Option<&str>,
        shortcode: Option<&str>,
        app_key: Option<&str>,
        tenant: Option<&str>,
        session: Option<&Bound<'_, PyDict>>,
        convofold: u8,
    ) -> Result<Self, Failure> {
        if convofold != 1 {
            return Err(value_error(format!("convofold's own form has version 1, found {convofold}")));
        }
        let agent = Mentioned::of(agent)?;
        let draft = Draft::new(source, conversation, named(kind)?, time_opt(occurred)?)
            .identity(identity.map(|id| Identity::given(id, part)))
            .sent(time_opt(sent)?)
            .started(time_opt(started)?)
            .active(time_opt(active)?)
            .unread(unread)
            .agent(agent.mention())
            .direction(direction.map(named).transpose()?)
            .channel(channel)
            .text(text)
            .member_name(member_name)
            .member_number(member_number)
            .member_business_id(member_business_id)
            .member_channel_id(member_channel_id)
            .shortcode(shortcode)
            .app_key(app_key)
            .tenant(tenant)
            .session(session.map(self::session).transpose()?);
        Ok(Self(draft.build()?))
    }

    /// The conversation's id.
    #[getter]
    fn conversation(&self) -> &str {
        self.0.conversation()
    }

    /// `airship`, `superoffice`, or a host's word.
    #[getter]
    fn source(&self) -> &str {
        self.0.source()
    }

    /// What it does: `open`, `open_closed`, `update`, `update_open`, `message` or `close`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().show()
    }

    /// When it happened, in milliseconds since the epoch, as far as it can say by itself.
    #[getter]
    fn at(&self) -> i64 {
        self.0.at().alone().ms()
    }

    /// `at` as a datetime in UTC.
    #[getter]
    fn at_utc<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.at())
    }

    /// Its identity: the id that the source gave, or the hash of its content.
    #[getter]
    fn identity(&self) -> String {
        self.0.identity().text().into_owned()
    }

    /// `in` (from the member), `out` (to the member) or None.
    #[getter]
    fn direction(&self) -> Option<&'static str> {
        self.0.direction().show()
    }

    /// A message's channel.
    #[getter]
    fn channel(&self) -> Option<&str> {
        self.0.channel()
    }

    /// The text.
    #[getter]
    fn text(&self) -> Option<&str> {
        self.0.text()
    }

    /// The business whose conversation it is.
    #[getter]
    fn tenant(&self) -> Option<&str> {
        self.0.tenant()
    }

    /// The agent that it says is assigned; None where it names none.
    #[getter]
    fn agent(&self) -> Option<AgentRef> {
        match self.0.agent() {
            AgentMention::Agent { id, name, .. } => {
                Some(AgentRef { id: id.map(str::to_owned), name: name.map(str::to_owned) })
            }
            _ => None,
        }
    }

    /// The event as one line of JSON in convofold's own form, which can be ingested again.
    fn to_json(&self) -> String {
        self.0.export_line()
    }

    /// The event in convofold's own form, as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.0.export_line(),))
    }

    fn __repr__(&self) -> String {
        let (conversation, kind) = (self.0.conversation(), self.kind());
        format!("Event(source={:?}, conversation={conversation:?}, kind={kind:?}, at={})", self.0.source(), self.at())
    }
}

impl Event {
    /// An event, or the dict of one.
    pub(crate) fn of(given: &Bound<'_, PyAny>) -> Result<convofold::Event, Failure> {
        if let Ok(event) = given.cast::<Self>() {
            return Ok(event.get().0.clone());
        }
        let Ok(dict) = given.cast::<PyDict>() else {
            let found = given.get_type().name()?;
            return Err(value_error(format!("an event is an Event or a dict, found {found}")));
        };
        let event = given.py().get_type::<Self>().call((), Some(&own_form(dict)?))?;
        Ok(event.cast_into::<Self>().map_err(PyErr::from)?.get().0.clone())
    }
}

/// The arguments that a dict stands for: in convofold's own form `"agent": null` says that nobody is assigned.
fn own_form<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let arguments = dict.copy()?;
    if dict.get_item("agent")?.is_some_and(|agent| agent.is_none()) {
        arguments.set_item("agent", false)?;
    }
    Ok(arguments)
}

/// What an event says of the agent.
enum Mentioned {
    Silent,
    Nobody,
    Agent(Option<String>, Option<String>),
}

impl Mentioned {
    fn of(given: Option<&Bound<'_, PyAny>>) -> Result<Self, Failure> {
        let Some(given) = given else { return Ok(Self::Silent) };
        if let Ok(id) = given.cast::<PyString>() {
            return Ok(Self::Agent(Some(id.to_cow()?.into_owned()), None));
        }
        if let Ok(agent) = given.cast::<AgentRef>() {
            return Self::named(agent.get().id.clone(), agent.get().name.clone());
        }
        if let Ok(dict) = given.cast::<PyDict>() {
            let text = |key: &str| dict.get_item(key)?.map(|value| value.extract()).transpose();
            return Self::named(text("id")?.flatten(), text("name")?.flatten());
        }
        if given.extract::<bool>().is_ok_and(|given| !given) {
            return Ok(Self::Nobody);
        }
        Err(value_error(format!(
            "agent is an id, an AgentRef, a dict with id or name, or False for nobody, found {given}"
        )))
    }

    fn named(id: Option<String>, name: Option<String>) -> Result<Self, Failure> {
        if id.is_none() && name.is_none() {
            return Err(value_error("an agent has an id, a name or both".to_owned()));
        }
        Ok(Self::Agent(id, name))
    }

    fn mention(&self) -> AgentMention<'_> {
        match self {
            Self::Silent => AgentMention::Silent,
            Self::Nobody => AgentMention::Nobody,
            Self::Agent(id, name) => AgentMention::agent(id.as_deref(), name.as_deref()),
        }
    }
}

fn session(dict: &Bound<'_, PyDict>) -> Result<convofold::Session, Failure> {
    let mut session = convofold::Session::default();
    for (key, value) in dict {
        let key: String = key.extract()?;
        let number = || value.extract::<Option<i64>>();
        let truth = || value.extract::<Option<bool>>();
        match key.as_str() {
            "alert_level" => session.alert_level = number()?,
            "chatbot_is_active" => session.chatbot_is_active = truth()?,
            "consented" => session.consented = truth()?,
            "contact_id" => session.contact_id = number()?,
            "customer_alias" => session.customer_alias = value.extract::<Option<String>>()?,
            "customer_id" => session.customer_id = number()?,
            "project_id" => session.project_id = number()?,
            "rating" => session.rating = number()?,
            "sale_id" => session.sale_id = number()?,
            "status" => session.status = number()?,
            "ticket_id" => session.ticket_id = number()?,
            "topic_id" => session.topic_id = number()?,
            "user_id" => session.user_id = number()?,
            _ => return Err(value_error(format!("a session has no {key:?}"))),
        }
    }
    Ok(session)
}

/// The events that were given, in their order.
pub(crate) fn events(given: &Bound<'_, PyAny>) -> Result<Vec<convofold::Event>, Failure> {
    if given.cast::<Event>().is_ok() || given.cast::<PyDict>().is_ok() {
        return Ok(vec![Event::of(given)?]);
    }
    given.try_iter()?.map(|event| Event::of(&event?)).collect()
}

/// The time of milliseconds since the epoch, a datetime or a text, in milliseconds.
pub(crate) fn ms(time: Option<Time>) -> Option<i64> {
    time.map(Time::ms)
}
