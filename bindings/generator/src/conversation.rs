//! An active conversation.

use crate::json::{self, Uuid};
use crate::options::{Envelope, Options};
use crate::people::{Agent, Member, Tenant};
use crate::phrase::{Facts, Names, Phrases, Turn};
use crate::plan::{Step, StepKind, plan};
use crate::rng::{Purpose, Rng, mix};

/// The state of a conversation after the events so far.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Number of the conversation in the log, from 0.
    pub(crate) number: u64,
    /// Format of its events.
    pub(crate) envelope: Envelope,
    /// The member who started it.
    pub(crate) member: Member,
    /// Start time.
    pub(crate) started: u64,
    /// Number of messages from the member since the last one to the member.
    pub(crate) unread: u32,
    /// Whether an agent has written a message.
    pub(crate) answered: bool,
    /// Whether the last message is from the member.
    pub(crate) inbound_last: bool,
    /// Text of the last message, escaped.
    pub(crate) text: Vec<u8>,
    /// Time of the last message.
    pub(crate) last_message_at: u64,
    seed: u64,
    rng: Rng,
    facts: Facts,
    steps: Vec<Step>,
    done: usize,
}

/// Position and limits of a new conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// Number of the conversation in the log, from 0.
    pub(crate) number: u64,
    /// Start time.
    pub(crate) at: u64,
    /// Maximum number of events.
    pub(crate) room: u64,
}

impl Conversation {
    /// A conversation that `member` starts with its first step.
    pub(crate) fn new(options: &Options, tenants: &[Tenant], member: Member, begin: Beginning) -> Self {
        let mut rng = Rng::new(options.seed, Purpose::Conversation, begin.number);
        let agents = u32::try_from(tenants[member.tenant].agents.len()).unwrap_or(u32::MAX);
        let mut steps = plan(&mut rng, options, agents, begin.at);
        steps.truncate(usize::try_from(begin.room).unwrap_or(usize::MAX));
        let seed = mix(options.seed ^ mix(begin.number));
        Self {
            number: begin.number,
            // Not drawn from `rng`: the format must not change what happens.
            envelope: options.mix.envelope(seed >> 8),
            member,
            started: begin.at,
            unread: 0,
            answered: false,
            inbound_last: true,
            text: Vec::with_capacity(96),
            last_message_at: begin.at,
            seed,
            facts: Phrases::facts(&mut rng),
            rng,
            steps,
            done: 0,
        }
    }

    /// Total number of events.
    pub(crate) fn len(&self) -> u64 {
        self.steps.len() as u64
    }

    /// The next step, if any.
    pub(crate) fn upcoming(&self) -> Option<&Step> {
        self.steps.get(self.done)
    }

    /// Whether at most the first event has happened.
    pub(crate) fn is_new(&self) -> bool {
        self.done <= 1
    }

    /// 64 random bits that are unique to the last event.
    pub(crate) fn event_bits(&self, salt: u64) -> u64 {
        mix(self.seed ^ mix((self.done as u64) << 8 | salt))
    }

    /// An id that is unique to the last event.
    pub(crate) fn event_id(&self) -> Uuid {
        json::uuid(self.event_bits(0), self.event_bits(1))
    }

    /// Applies the next step and returns it.
    pub(crate) fn advance(&mut self, tenant: &Tenant, phrases: &Phrases) -> Option<Step> {
        let step = *self.steps.get(self.done)?;
        self.done += 1;
        match step.kind {
            // The opening event already contains the message that opened the conversation.
            StepKind::Open => {
                let turn = if self.done == 1 { Turn::Opening } else { Turn::Member };
                self.hear(step, turn, tenant, phrases);
            }
            StepKind::Inbound => {
                let turn = if self.closes_next() { Turn::Thanks } else { Turn::Member };
                self.hear(step, turn, tenant, phrases);
            }
            StepKind::Outbound => self.reply(step, tenant, phrases),
            StepKind::OpeningMessage | StepKind::Assign | StepKind::Requeue | StepKind::Touch | StepKind::Close => {}
        }
        Some(step)
    }

    fn closes_next(&self) -> bool {
        self.upcoming().is_some_and(|step| step.kind == StepKind::Close)
    }

    fn hear(&mut self, step: Step, turn: Turn, tenant: &Tenant, phrases: &Phrases) {
        self.unread += 1;
        self.inbound_last = true;
        self.say(step, turn, tenant, phrases);
    }

    fn reply(&mut self, step: Step, tenant: &Tenant, phrases: &Phrases) {
        let turn = match (self.answered, self.closes_next()) {
            (false, _) => Turn::Greeting,
            (true, false) => Turn::Agent,
            (true, true) => Turn::Farewell,
        };
        self.unread = 0;
        self.answered = true;
        self.inbound_last = false;
        self.say(step, turn, tenant, phrases);
    }

    fn say(&mut self, step: Step, turn: Turn, tenant: &Tenant, phrases: &Phrases) {
        let names = Names {
            member: &self.member.first_name,
            agent: assigned(tenant, step).map_or(b"all", |agent| &agent.first_name),
        };
        self.last_message_at = step.at;
        self.text.clear();
        phrases.write(&mut self.text, turn, &self.facts, names, &mut self.rng);
    }
}

/// The agent assigned after `step`.
pub(crate) fn assigned(tenant: &Tenant, step: Step) -> Option<&Agent> {
    step.agent.and_then(|index| tenant.agents.get(index as usize))
}
