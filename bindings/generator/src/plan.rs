//! The steps of a conversation, planned before it starts.
//!
//! A plan takes a few hundred bytes and gives the number of events in advance, so a log can end after exactly the
//! requested number. Message texts are chosen later, when they are written.

use crate::options::Options;
use crate::rng::Rng;

/// Mean waiting times in milliseconds.
const THINK: u64 = 26_000;
const TAKE: u64 = 9_000;
const HAND_OVER: u64 = 6_000;
const CLOSE: u64 = 90_000;
const COME_BACK: u64 = 2 * 3_600_000;

/// Turns of a conversation: a minimum plus an exponentially distributed number, up to a maximum.
const TURNS_AT_LEAST: u64 = 3;
const TURNS_MORE: u64 = 11;
const TURNS_AT_MOST: u64 = 80;

/// Probability that a side writes again before the other one answers.
const CONTINUE: f64 = 0.28;

/// Probability that the last message is the member's.
const LAST_WORD: f64 = 0.2;

/// A planned event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Time in milliseconds since the epoch.
    pub(crate) at: u64,
    /// What happens.
    pub(crate) kind: StepKind,
    /// The agent assigned after it, as index into the tenant's agents.
    pub(crate) agent: Option<u32>,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// The conversation is opened or reopened by the message of the same millisecond.
    Open,
    /// The message that opened it; always the next step.
    OpeningMessage,
    /// The member writes.
    Inbound,
    /// The agent writes.
    Outbound,
    /// An agent takes the conversation, from the queue or from another agent.
    Assign,
    /// The conversation returns to the queue.
    Requeue,
    /// Only the last activity changes.
    Touch,
    /// The conversation is closed.
    Close,
}

/// Builds the steps of a conversation.
struct Planner<'a> {
    rng: &'a mut Rng,
    options: &'a Options,
    agents: u32,
    at: u64,
    agent: Option<u32>,
    steps: Vec<Step>,
}

/// Plans a conversation that starts at `start`, at a tenant with this number of agents.
pub(crate) fn plan(rng: &mut Rng, options: &Options, agents: u32, start: u64) -> Vec<Step> {
    let mut planner = Planner { rng, options, agents, at: start, agent: None, steps: Vec::with_capacity(24) };
    planner.whole();
    planner.steps
}

/// Mean active time of a conversation: from start to end, without the time for which it was closed.
pub(crate) fn mean_talk_ms(rng: &mut Rng, options: &Options) -> u64 {
    const TRIED: u64 = 512;
    let talked: u64 = (0..TRIED).map(|_| talk_ms(&plan(rng, options, 2, 0))).sum();
    (talked / TRIED).max(1)
}

fn talk_ms(steps: &[Step]) -> u64 {
    let between = |pair: &[Step]| match pair[0].kind {
        StepKind::Close => 0,
        _ => pair[1].at - pair[0].at,
    };
    steps.windows(2).map(between).sum()
}

impl Planner<'_> {
    fn whole(&mut self) {
        let abandoned = self.rng.chance(self.options.abandon);
        let turns = self.rng.wait(TURNS_MORE);
        if abandoned {
            self.wait_in_vain(turns);
        } else {
            self.talk((TURNS_AT_LEAST + turns).min(TURNS_AT_MOST));
        }
        if self.end() && !abandoned && self.rng.chance(self.options.reopen) {
            self.come_back();
        }
    }

    /// No agent answers; the member writes up to three more messages.
    fn wait_in_vain(&mut self, turns: u64) {
        self.open();
        for _ in 0..turns % 4 {
            self.later(THINK * 4, StepKind::Inbound);
        }
    }

    fn talk(&mut self, turns: u64) {
        let hand_over = self.turn_of_a_change(self.options.transfer, turns);
        let put_back = self.turn_of_a_change(self.options.requeue, turns);
        self.open();
        if self.agent.is_none() && self.rng.chance(0.5) {
            self.take();
        }
        let mut inbound = true;
        for turn in 1..turns {
            inbound = self.speak(match (turn + 1 == turns, inbound) {
                (true, _) => LAST_WORD,
                (false, true) => CONTINUE,
                (false, false) => 1.0 - CONTINUE,
            });
            if Some(turn) == hand_over {
                self.hand_over();
            } else if Some(turn) == put_back {
                self.put_back();
            } else if self.rng.chance(self.options.updates) {
                self.later(900, StepKind::Touch);
            }
        }
    }

    /// The turn after which a change with this probability happens, if it does.
    fn turn_of_a_change(&mut self, probability: f64, turns: u64) -> Option<u64> {
        let turn = 1 + self.rng.bits() % turns;
        self.rng.chance(probability).then_some(turn)
    }

    /// A message, with the given probability from the member. Returns whether it is.
    fn speak(&mut self, from_member: f64) -> bool {
        let inbound = self.rng.chance(from_member);
        if inbound {
            self.later(THINK, StepKind::Inbound);
        } else {
            if self.agent.is_none() {
                self.take();
            }
            self.later(THINK, StepKind::Outbound);
        }
        inbound
    }

    fn open(&mut self) {
        self.push(StepKind::Open);
        self.push(StepKind::OpeningMessage);
    }

    fn take(&mut self) {
        self.agent = Some(self.rng.below(self.agents));
        self.later(TAKE, StepKind::Assign);
    }

    /// Transfers to another agent, if there is one.
    fn hand_over(&mut self) {
        let Some(before) = self.agent.filter(|_| self.agents > 1) else {
            return;
        };
        self.agent = Some((before + 1 + self.rng.below(self.agents - 1)) % self.agents);
        self.later(HAND_OVER, StepKind::Assign);
    }

    fn put_back(&mut self) {
        if self.agent.take().is_some() {
            self.later(HAND_OVER, StepKind::Requeue);
        }
    }

    /// Returns whether the conversation is closed.
    fn end(&mut self) -> bool {
        let closed = !self.rng.chance(self.options.leave_open);
        if closed {
            self.later(CLOSE, StepKind::Close);
        }
        closed
    }

    /// The member writes again, to the same agent or to the queue.
    fn come_back(&mut self) {
        self.at += self.rng.wait(COME_BACK);
        if self.rng.chance(0.5) {
            self.agent = None;
        }
        let turns = 1 + u64::from(self.rng.below(6));
        self.talk(turns);
        self.end();
    }

    fn later(&mut self, mean_ms: u64, kind: StepKind) {
        self.at += self.rng.wait(mean_ms);
        self.push(kind);
    }

    fn push(&mut self, kind: StepKind) {
        self.steps.push(Step { at: self.at, kind, agent: self.agent });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    fn plans(options: &Options, agents: u32) -> impl Iterator<Item = Vec<Step>> {
        (0..3000).map(move |n| plan(&mut Rng::new(9, Purpose::Conversation, n), options, agents, 1000))
    }

    #[test]
    fn only_the_opening_pair_shares_a_millisecond() {
        for steps in plans(&Options::default(), 4) {
            assert_eq!((steps[0].at, steps[0].kind, steps[0].agent), (1000, StepKind::Open, None));
            for pair in steps.windows(2) {
                let opening = pair[0].kind == StepKind::Open;
                assert_eq!(opening, pair[1].kind == StepKind::OpeningMessage);
                assert_eq!(opening, pair[0].at == pair[1].at);
                assert!(pair[0].at <= pair[1].at);
            }
        }
    }

    #[test]
    fn only_assigned_agents_answer_and_only_changes_change_the_agent() {
        for steps in plans(&Options::default(), 4) {
            let mut agent = None;
            for step in steps {
                match step.kind {
                    StepKind::Assign => assert!(step.agent.is_some() && step.agent != agent),
                    StepKind::Requeue => assert!(step.agent.is_none() && agent.is_some()),
                    StepKind::Open => assert!(step.agent.is_none() || step.agent == agent),
                    StepKind::Outbound => assert!(step.agent.is_some() && step.agent == agent),
                    _ => assert_eq!(step.agent, agent),
                }
                agent = step.agent;
            }
        }
    }

    #[test]
    fn a_single_agent_transfers_to_nobody() {
        let options = Options { transfer: 1.0, ..Options::default() };
        for steps in plans(&options, 1) {
            assert!(steps.iter().all(|s| s.agent.is_none_or(|a| a == 0)));
        }
    }

    #[test]
    fn probabilities_of_0_and_1() {
        let never = Options { leave_open: 1.0, ..Options::default() };
        assert!(plans(&never, 3).all(|steps| steps.iter().all(|s| s.kind != StepKind::Close)));
        let always = Options { leave_open: 0.0, reopen: 1.0, abandon: 0.0, ..Options::default() };
        let count = |steps: &[Step], kind| steps.iter().filter(|s| s.kind == kind).count();
        assert!(
            plans(&always, 3).all(|steps| count(&steps, StepKind::Close) == 2 && count(&steps, StepKind::Open) == 2)
        );
        let alone = Options { abandon: 1.0, ..Options::default() };
        assert!(plans(&alone, 3).all(|steps| steps.iter().all(|s| s.agent.is_none())));
    }
}
