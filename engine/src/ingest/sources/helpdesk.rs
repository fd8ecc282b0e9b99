//! A small source for tests: `{"ticket":"H-1","type":"comment","id":"7","time":"...","from":{"role":"agent"},"text":"..."}`.

use crate::draft::Draft;
use crate::event::{Direction, Kind};
use crate::identity::Identity;
use crate::ingest::Reason;
use crate::ingest::fields::{Checked, Fields};
use crate::ingest::source::{Claim, Object, Source, Take, Understood};
use crate::json::{Fault, Name, Reader, Value, names};

pub(super) struct Helpdesk;

impl Source for Helpdesk {
    const NAME: &'static str = "helpdesk";
    const WANTED: &'static [Name] = &names!["ticket", "type", "id", "time", "from", "text"];
    const SIGNS: &'static [usize] = &[0];
    const NESTED: &'static [usize] = &[4];
    type Nested = [Value; 1];

    fn claims(top: &Fields<'_, '_>) -> Claim {
        if top.has(0) { Claim::Surely } else { Claim::No }
    }

    fn read_nested(from: &mut [Value; 1], _field: usize, reader: &mut Reader<'_, '_>) -> Result<Value, Fault> {
        reader.object(&names!["role"], from, |_, _| None)
    }

    fn understand<'a>(object: &Object<'a, '_, [Value; 1]>, take: &mut Take<'_>) -> Checked<Understood<'a>> {
        let top = &object.top;
        let kind = match &*top.required_string(1)? {
            "opened" => Kind::Open,
            "comment" => Kind::Message,
            "solved" => Kind::Close,
            _ => return Ok(Understood::Ignored("other_type")),
        };
        let role = object.nested(4).ok().and_then(|(_, [role])| role.text(object.site.text));
        let is_agent = role.is_some_and(|role| role == "agent");
        let (conversation, text) = (top.required_id(0)?, top.text(5)?);
        let draft = Draft {
            identity: top.id(2)?.map(|id| Identity::given(&id, 0)),
            direction: (kind == Kind::Message).then_some(if is_agent { Direction::Out } else { Direction::In }),
            text: text.as_deref(),
            ..Draft::new(Self::NAME, &conversation, kind, top.time(3)?)
        };
        let taken = take(draft, top.max_id_bytes().max(Self::NAME.len()));
        taken.map(|()| Understood::Event).map_err(|_| top.complain(3, Reason::NoTime, "a time".into()))
    }
}
