//! What happens in one conversation, decided before it begins.
//!
//! Planning ahead costs a few hundred bytes a conversation and tells how many events it will have, so that a log can
//! end after exactly the number asked for. What is said is drawn only when it is said.

use super::dice::Dice;
use super::options::GenerateOptions;

/// Mean waiting times in milliseconds.
const THINK: u64 = 26_000;
const TAKE: u64 = 9_000;
const HAND_OVER: u64 = 6_000;
const CLOSE: u64 = 90_000;
const COME_BACK: u64 = 2 * 3_600_000;

/// Turns after the first message: some, and exponentially more, but not for ever.
const TURNS_AT_LEAST: u64 = 3;
const TURNS_MORE: u64 = 11;
const TURNS_AT_MOST: u64 = 80;

/// The chance that a side goes on before the other one answers.
const GO_ON: f64 = 0.28;

/// The chance that the last message is the member's.
const LAST_WORD: f64 = 0.2;

/// One event to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// When, in milliseconds since the epoch.
    pub(super) at: u64,
    /// What.
    pub(super) kind: StepKind,
    /// Who is assigned once it has happened, by place among the tenant's agents.
    pub(super) agent: Option<u32>,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    /// The conversation opens, or opens again, for the message that comes in the same millisecond.
    Open,
    /// The message it opened for, always the very next step.
    OpeningMessage,
    /// The member writes.
    Inbound,
    /// The agent writes.
    Outbound,
    /// An agent takes the conversation, from the queue or from another agent.
    Assign,
    /// It goes back to the queue.
    Requeue,
    /// Nothing but a sign of activity.
    Touch,
    /// It is closed.
    Close,
}

/// A conversation's steps in the making.
struct Planner<'a> {
    dice: &'a mut Dice,
    options: &'a GenerateOptions,
    agents: u32,
    at: u64,
    agent: Option<u32>,
    steps: Vec<Step>,
}

/// Plans a conversation that begins at `start` at a tenant with so many `agents`.
pub(super) fn plan(dice: &mut Dice, options: &GenerateOptions, agents: u32, start: u64) -> Vec<Step> {
    let mut planner = Planner { dice, options, agents, at: start, agent: None, steps: Vec::with_capacity(24) };
    planner.whole();
    planner.steps
}

/// How long a conversation is talked in on average: from its beginning to its end, without the time it lay closed.
pub(super) fn mean_talk_ms(dice: &mut Dice, options: &GenerateOptions) -> u64 {
    const TRIED: u64 = 512;
    let talked: u64 = (0..TRIED).map(|_| talk_ms(&plan(dice, options, 2, 0))).sum();
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
        let abandoned = self.dice.chance(self.options.abandon);
        let turns = self.dice.wait(TURNS_MORE);
        if abandoned {
            self.wait_in_vain(turns);
        } else {
            self.talk((TURNS_AT_LEAST + turns).min(TURNS_AT_MOST));
        }
        if self.end() && !abandoned && self.dice.chance(self.options.reopen) {
            self.come_back();
        }
    }

    /// Nobody answers; the member writes a few times more.
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
        if self.agent.is_none() && self.dice.chance(0.5) {
            self.take();
        }
        let mut inbound = true;
        for turn in 1..turns {
            inbound = self.speak(match (turn + 1 == turns, inbound) {
                (true, _) => LAST_WORD,
                (false, true) => GO_ON,
                (false, false) => 1.0 - GO_ON,
            });
            if Some(turn) == hand_over {
                self.hand_over();
            } else if Some(turn) == put_back {
                self.put_back();
            } else if self.dice.chance(self.options.updates) {
                self.later(900, StepKind::Touch);
            }
        }
    }

    /// The turn after which something rare happens, if it happens.
    fn turn_of_a_change(&mut self, probability: f64, turns: u64) -> Option<u64> {
        let turn = 1 + self.dice.bits() % turns;
        self.dice.chance(probability).then_some(turn)
    }

    /// One message, with the given chance from the member. Says whether it was.
    fn speak(&mut self, from_member: f64) -> bool {
        let inbound = self.dice.chance(from_member);
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
        self.agent = Some(self.dice.below(self.agents));
        self.later(TAKE, StepKind::Assign);
    }

    /// To somebody else, where there is somebody else.
    fn hand_over(&mut self) {
        let Some(before) = self.agent.filter(|_| self.agents > 1) else {
            return;
        };
        self.agent = Some((before + 1 + self.dice.below(self.agents - 1)) % self.agents);
        self.later(HAND_OVER, StepKind::Assign);
    }

    fn put_back(&mut self) {
        if self.agent.take().is_some() {
            self.later(HAND_OVER, StepKind::Requeue);
        }
    }

    /// Says whether it was closed.
    fn end(&mut self) -> bool {
        let closed = !self.dice.chance(self.options.leave_open);
        if closed {
            self.later(CLOSE, StepKind::Close);
        }
        closed
    }

    /// The member writes again, to the same agent or to whoever is free.
    fn come_back(&mut self) {
        self.at += self.dice.wait(COME_BACK);
        if self.dice.chance(0.5) {
            self.agent = None;
        }
        let turns = 1 + u64::from(self.dice.below(6));
        self.talk(turns);
        self.end();
    }

    fn later(&mut self, mean_ms: u64, kind: StepKind) {
        self.at += self.dice.wait(mean_ms);
        self.push(kind);
    }

    fn push(&mut self, kind: StepKind) {
        self.steps.push(Step { at: self.at, kind, agent: self.agent });
    }
}

#[cfg(test)]
mod tests {
    use super::super::dice::Purpose;
    use super::*;

    fn plans(options: &GenerateOptions, agents: u32) -> impl Iterator<Item = Vec<Step>> {
        (0..3000).map(move |n| plan(&mut Dice::new(9, Purpose::Conversation, n), options, agents, 1000))
    }

    #[test]
    fn only_the_opening_pair_shares_a_millisecond() {
        for steps in plans(&GenerateOptions::default(), 4) {
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
    fn nobody_answers_unassigned_and_only_changes_change_the_agent() {
        for steps in plans(&GenerateOptions::default(), 4) {
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
    fn a_single_agent_hands_over_to_nobody() {
        let options = GenerateOptions { transfer: 1.0, ..GenerateOptions::default() };
        for steps in plans(&options, 1) {
            assert!(steps.iter().all(|s| s.agent.is_none_or(|a| a == 0)));
        }
    }

    #[test]
    fn knobs_at_their_ends() {
        let never = GenerateOptions { leave_open: 1.0, ..GenerateOptions::default() };
        assert!(plans(&never, 3).all(|steps| steps.iter().all(|s| s.kind != StepKind::Close)));
        let always = GenerateOptions { leave_open: 0.0, reopen: 1.0, abandon: 0.0, ..GenerateOptions::default() };
        let count = |steps: &[Step], kind| steps.iter().filter(|s| s.kind == kind).count();
        assert!(
            plans(&always, 3).all(|steps| count(&steps, StepKind::Close) == 2 && count(&steps, StepKind::Open) == 2)
        );
        let alone = GenerateOptions { abandon: 1.0, ..GenerateOptions::default() };
        assert!(plans(&alone, 3).all(|steps| steps.iter().all(|s| s.agent.is_none())));
    }
}
