//! Events of a custom source.

use convofold::{AgentMention, Direction, Draft, Identity, Kind, Time};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::{Failure, value_error};
use crate::names::{Choice, Name};
use crate::result::{JsonObject, Show, unhashable};
use crate::state::AgentRef;
use crate::time::{GivenTime, Utc};

/// A fact about a conversation.
///
/// The arguments are the keys of convofold's own JSON format. An argument that is omitted or None states nothing.
///
/// - `source`: name of the custom source.
/// - `kind`: what the event does to the conversation.
/// - `identity`, `part`: identity of the event, by which repeated deliveries are detected (default: a hash of its content).
/// - `occurred`, `sent`, `started`, `active`: times, as milliseconds since the epoch, a `datetime` with a time zone, or an
///   RFC 3339 string.
/// - `unread`: number of unread messages.
/// - `agent`: an id, an AgentRef, a dict with `id`, `name` or both, or False for nobody.
/// - `direction`, `channel`, `text`: of a message.
/// - `session`: values of a SuperOffice session, as a dict with the fields of Session as keys.
/// - `convofold`: version of the format; always 1.
#[pyclass(frozen, eq, module = "convofold")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event(pub(crate) convofold::Event);

unhashable!(Event);

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
        kind: Choice<Kind>,
        identity: Option<&str>,
        part: u8,
        occurred: Option<GivenTime>,
        sent: Option<GivenTime>,
        started: Option<GivenTime>,
        active: Option<GivenTime>,
        unread: Option<u64>,
        agent: Option<Mentioned>,
        direction: Option<Choice<Direction>>,
        channel: Option<&str>,
        text: Option<&str>,
        member_name: Option<&str>,
        member_number: Option<&str>,
        member_business_id: Option<&str>,
        member_channel_id: Option<&str>,
        shortcode: Option<&str>,
        app_key: Option<&str>,
        tenant: Option<&str>,
        session: Option<SessionValues>,
        convofold: u8,
    ) -> Result<Self, Failure> {
        if convofold != 1 {
            return Err(value_error(format!("invalid version of the event format: {convofold} (expected 1)")));
        }
        let draft = Draft::new(source, conversation, kind.0, GivenTime::time(occurred))
            .identity(identity.map(|id| Identity::given(id, part)))
            .sent(GivenTime::time(sent))
            .started(GivenTime::time(started))
            .active(GivenTime::time(active))
            .unread(unread)
            .agent(agent.as_ref().map_or(AgentMention::Silent, Mentioned::mention))
            .direction(direction.map(|Choice(direction)| direction))
            .channel(channel)
            .text(text)
            .member_name(member_name)
            .member_number(member_number)
            .member_business_id(member_business_id)
            .member_channel_id(member_channel_id)
            .shortcode(shortcode)
            .app_key(app_key)
            .tenant(tenant)
            .session(session.map(|SessionValues(session)| session));
        Ok(Self(draft.build()?))
    }

    /// Id of the conversation.
    #[getter]
    fn conversation(&self) -> &str {
        self.0.conversation()
    }

    /// The source: `airship`, `superoffice` or the name of a custom source.
    #[getter]
    fn source(&self) -> &str {
        self.0.source()
    }

    /// What the event does to the conversation.
    #[getter]
    fn kind(&self) -> Name<Kind> {
        self.0.kind().show()
    }

    /// Time of the event, in milliseconds since the epoch, as far as the event alone determines it.
    #[getter]
    fn at(&self) -> i64 {
        self.0.at().alone().ms()
    }

    /// `at` as a `datetime` in UTC.
    #[getter]
    fn at_utc(&self) -> Utc {
        self.at().show()
    }

    /// Identity of the event: the id that the source gave, or a hash of its content.
    #[getter]
    fn identity(&self) -> String {
        self.0.identity().text().into_owned()
    }

    /// Direction of a message: `in` (from the customer), `out` (to the customer) or None.
    #[getter]
    fn direction(&self) -> Option<Name<Direction>> {
        self.0.direction().show()
    }

    /// Channel of a message.
    #[getter]
    fn channel(&self) -> Option<&str> {
        self.0.channel()
    }

    /// Text of a message.
    #[getter]
    fn text(&self) -> Option<&str> {
        self.0.text()
    }

    /// The assigned agent that the event states; None if it states none, or that nobody is assigned.
    #[getter]
    fn agent(&self) -> Option<AgentRef> {
        match self.0.agent() {
            AgentMention::Agent { id, name, .. } => {
                Some(AgentRef { id: id.map(str::to_owned), name: name.map(str::to_owned) })
            }
            _ => None,
        }
    }

    /// Whether the event states that nobody is assigned.
    #[getter]
    fn nobody(&self) -> bool {
        self.0.agent() == AgentMention::Nobody
    }

    /// Number of unread messages that the event states.
    #[getter]
    fn unread(&self) -> Option<u64> {
        self.0.unread()
    }

    /// Returns the event as a line of JSON in convofold's own format, which can be ingested again.
    fn to_json(&self) -> String {
        self.0.export_line()
    }

    /// Returns the event in convofold's own format, as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<JsonObject<'py>> {
        let event = py.import("json")?.call_method1("loads", (self.0.export_line(),))?;
        Ok(JsonObject(event.cast_into::<PyDict>()?))
    }

    fn __repr__(&self) -> String {
        let (conversation, kind) = (self.0.conversation(), self.0.kind().name());
        format!("Event(source={:?}, conversation={conversation:?}, kind={kind:?}, at={})", self.0.source(), self.at())
    }
}

/// Getters of the fields that are texts or times.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $show:expr,)*) => {
        #[pymethods]
        impl Event {
            $(
                $(#[$doc])*
                #[getter]
                fn $name(&self) -> Option<$type> {
                    self.0.$name().map($show)
                }
            )*
        }
    };
}

getters! {
    /// When it happened, by the clock of the source, in milliseconds since the epoch.
    occurred: i64 = Time::ms,
    /// The own time of a message, in milliseconds since the epoch.
    sent: i64 = Time::ms,
    /// The start of the conversation that the event states, in milliseconds since the epoch.
    started: i64 = Time::ms,
    /// The latest activity that the event states, in milliseconds since the epoch.
    active: i64 = Time::ms,
    /// Name of the customer.
    member_name: String = str::to_owned,
    /// Number of the customer.
    member_number: String = str::to_owned,
    /// Id of the customer at the business.
    member_business_id: String = str::to_owned,
    /// Channel id of the customer.
    member_channel_id: String = str::to_owned,
    /// The sender that the customer wrote to.
    shortcode: String = str::to_owned,
    /// App key of Airship.
    app_key: String = str::to_owned,
    /// The business that the conversation belongs to.
    tenant: String = str::to_owned,
}

impl Event {
    /// Converts an event, or the dict of one.
    fn of(given: &Bound<'_, PyAny>) -> PyResult<convofold::Event> {
        if let Ok(event) = given.cast::<Self>() {
            return Ok(event.get().0.clone());
        }
        let Ok(dict) = given.cast::<PyDict>() else {
            let found = given.get_type().name()?;
            return Err(value_error(format!("invalid event of type {found} (expected an Event or a dict)")).into());
        };
        let event = given.py().get_type::<Self>().call((), Some(&arguments(dict)?))?;
        Ok(event.cast_into::<Self>()?.get().0.clone())
    }
}

/// The arguments in a dict. In convofold's own format `"agent": null` states that nobody is assigned.
fn arguments<'py>(dict: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let arguments = dict.copy()?;
    if dict.get_item("agent")?.is_some_and(|agent| agent.is_none()) {
        arguments.set_item("agent", false)?;
    }
    Ok(arguments)
}

/// The argument `events`: one event or several, each an Event or a dict.
pub(crate) struct Events(pub(crate) Vec<convofold::Event>);

impl FromPyObject<'_, '_> for Events {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = {
        use crate::stub::{ITERABLE, JSON_OBJECT};
        use pyo3::{PyTypeInfo, type_hint_subscript, type_hint_union};

        const EVENT: pyo3::inspect::PyStaticExpr = type_hint_union!(Event::TYPE_HINT, JSON_OBJECT);
        type_hint_union!(EVENT, type_hint_subscript!(ITERABLE, EVENT))
    };

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if given.cast::<Event>().is_ok() || given.cast::<PyDict>().is_ok() {
            return Ok(Self(vec![Event::of(&given)?]));
        }
        given.try_iter()?.map(|event| Event::of(&event?)).collect::<PyResult<_>>().map(Self)
    }
}

/// The argument `agent` of an event.
enum Mentioned {
    Nobody,
    Agent(Option<String>, Option<String>),
}

impl Mentioned {
    fn named(id: Option<String>, name: Option<String>) -> PyResult<Self> {
        if id.is_none() && name.is_none() {
            return Err(value_error("an agent needs an id or a name".to_owned()).into());
        }
        Ok(Self::Agent(id, name))
    }

    fn mention(&self) -> AgentMention<'_> {
        match self {
            Self::Nobody => AgentMention::Nobody,
            Self::Agent(id, name) => AgentMention::agent(id.as_deref(), name.as_deref()),
        }
    }
}

impl FromPyObject<'_, '_> for Mentioned {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = {
        use crate::stub::{FALSE, LITERAL, MAPPING, NONE, STR};
        use pyo3::{PyTypeInfo, type_hint_subscript, type_hint_union};

        type_hint_union!(
            STR,
            AgentRef::TYPE_HINT,
            type_hint_subscript!(MAPPING, STR, type_hint_union!(STR, NONE)),
            type_hint_subscript!(LITERAL, FALSE)
        )
    };

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
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
        let expected = "expected an id, an AgentRef, a dict with id or name, or False for nobody";
        Err(value_error(format!("invalid agent: {} ({expected})", given.str()?)).into())
    }
}

/// The argument `session` of an event.
struct SessionValues(convofold::Session);

impl FromPyObject<'_, '_> for SessionValues {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::JSON_OBJECT;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let mut session = convofold::Session::default();
        for (key, value) in &*given.cast::<PyDict>()? {
            set(&mut session, &key.extract::<String>()?, &value)?;
        }
        Ok(Self(session))
    }
}

macro_rules! set {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// Sets a value of a session by its name.
        fn set(session: &mut convofold::Session, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
            match name {
                $(stringify!($name) => session.$name = value.extract()?,)*
                _ => return Err(value_error(format!("invalid session value: {name:?}")).into()),
            }
            Ok(())
        }
    };
}

convofold::session_values!(set);
