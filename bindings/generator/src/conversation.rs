//! A conversation in flight.

use super::dice::{Dice, Purpose, mix};
use super::json::{self, Uuid};
use super::options::{Envelope, GenerateOptions};
use super::people::{Agent, Member, Tenant};
use super::phrase::{Facts, Names, Phrases, Turn};
use super::plan::{Step, StepKind, plan};

/// A conversation, as far as it has gone.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Which conversation of the log this is, counted from 0.
    pub(super) number: u64,
    /// How it is written down.
    pub(super) envelope: Envelope,
    /// Who asks.
    pub(super) member: Member,
    /// When it began.
    pub(super) started: u64,
    /// Messages from the member since the last one to the member.
    pub(super) unread: u32,
    /// Whether an agent has ever written.
    pub(super) answered: bool,
    /// Whether the last message came from the member.
    pub(super) inbound_last: bool,
    /// The last message, escaped.
    pub(super) text: Vec<u8>,
    /// When the last message was written.
    pub(super) last_message_at: u64,
    seed: u64,
    dice: Dice,
    facts: Facts,
    steps: Vec<Step>,
    done: usize,
}

/// Where a conversation fits into the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// Which conversation of the log it is.
    pub(super) number: u64,
    /// When it begins.
    pub(super) at: u64,
    /// How many events it may have at most.
    pub(super) room: u64,
}

impl Conversation {
    /// A conversation that `member` is about to begin.
    pub(super) fn new(options: &GenerateOptions, tenants: &[Tenant], member: Member, begin: Beginning) -> Self {
        let mut dice = Dice::new(options.seed, Purpose::Conversation, begin.number);
        let agents = u32::try_from(tenants[member.tenant].agents.len()).unwrap_or(u32::MAX);
        let mut steps = plan(&mut dice, options, agents, begin.at);
        steps.truncate(usize::try_from(begin.room).unwrap_or(usize::MAX));
        let seed = mix(options.seed ^ mix(begin.number));
        Self {
            number: begin.number,
            // Not drawn from the dice: how it is told must not change what happens.
            envelope: options.mix.envelope(seed >> 8),
            member,
            started: begin.at,
            unread: 0,
            answered: false,
            inbound_last: true,
            text: Vec::with_capacity(96),
            last_message_at: begin.at,
            seed,
            facts: Phrases::facts(&mut dice),
            dice,
            steps,
            done: 0,
        }
    }

    /// How many events it has in all.
    pub(super) fn len(&self) -> u64 {
        self.steps.len() as u64
    }

    /// What happens next, if anything.
    pub(super) fn upcoming(&self) -> Option<&Step> {
        self.steps.get(self.done)
    }

    /// Whether something has been said or done before.
    pub(super) fn is_new(&self) -> bool {
        self.done <= 1
    }

    /// 64 bits that belong to the event that just happened and to no other.
    pub(super) fn event_bits(&self, salt: u64) -> u64 {
        mix(self.seed ^ mix((self.done as u64) << 8 | salt))
    }

    /// An id that belongs to the event that just happened and to no other.
    pub(super) fn event_id(&self) -> Uuid {
        json::uuid(self.event_bits(0), self.event_bits(1))
    }

    /// Lets the next step happen, and returns it.
    pub(super) fn advance(&mut self, tenant: &Tenant, phrases: &Phrases) -> Option<Step> {
        let step = *self.steps.get(self.done)?;
        self.done += 1;
        match step.kind {
            // The event that opens already shows the message it opened for.
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
        phrases.write(&mut self.text, turn, &self.facts, names, &mut self.dice);
    }
}

/// The agent assigned once `step` has happened.
pub(super) fn assigned(tenant: &Tenant, step: Step) -> Option<&Agent> {
    step.agent.and_then(|place| tenant.agents.get(place as usize))
}
