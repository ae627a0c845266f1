//! Which of several gateways takes a message. Pure; the caller supplies the snapshot and the randomness.
//!
//! Each step leaves those that it prefers, if it prefers any:
//!
//! | step | keeps |
//! |---|---|
//! | able | those that can carry the message at all |
//! | up | those that take part now |
//! | afresh | not the one whose own trouble has just put this message off |
//! | sender | those that can show the wished originator |
//! | conversation | the one by which this sender wrote to this phone last |
//! | tier | those of the lowest priority number |
//! | apart | not those by whose number another sender talks to this phone |
//! | cost | the cheapest |
//! | load | of two drawn by weight the less loaded one |
//!
//! Who is left and has no slot makes the message wait; only one that is down lets the next tier in.

use super::Price;

/// What choosing must know of one gateway and one message at this moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Lower is preferred; the next tier is used only when no gateway of this one takes part.
    pub priority: u32,
    /// Share among equals, at least 1.
    pub weight: u32,
    /// Attempts under way.
    pub outstanding: usize,
    /// It could carry the message, whatever its state now.
    pub carries: bool,
    /// It takes part now: not paused, not down, its day not over for this message.
    pub up: bool,
    /// It has a slot and a token now.
    pub free: bool,
    /// Its own trouble put this message off the last time.
    pub failed: bool,
    /// It shows the wished originator, or none is wished.
    pub shows: bool,
    /// This sender and this phone talk by it; 0 is the latest of such gateways.
    pub talks: Option<u32>,
    /// Another sender talks to this phone by its number.
    pub taken: bool,
    pub cost: Price,
}

/// What becomes of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// This candidate takes it.
    Take(usize),
    /// It waits for one of them.
    Wait,
    /// None of them can ever carry it.
    Never,
}

impl Candidate {
    fn load(&self) -> f64 {
        self.outstanding as f64 / f64::from(self.weight.max(1))
    }
}

/// Chooses among `candidates`. Without `sticky` conversations are left out of account: too many messages wait for busy
/// gateways already. `draws` lie in `0.0..1.0`.
pub fn choose(candidates: &[Candidate], sticky: bool, draws: [f64; 2]) -> Choice {
    let mut left: Vec<(usize, &Candidate)> = candidates.iter().enumerate().filter(|(_, c)| c.carries).collect();
    if left.is_empty() {
        return Choice::Never;
    }
    left.retain(|(_, c)| c.up);
    prefer(&mut left, |c| !c.failed);
    prefer(&mut left, |c| c.shows);
    let latest = left.iter().filter(|_| sticky).filter_map(|(_, c)| c.talks).min();
    left.retain(|(_, c)| latest.is_none() || c.talks == latest);
    let tier = left.iter().map(|(_, c)| c.priority).min();
    left.retain(|(_, c)| Some(c.priority) == tier);
    prefer(&mut left, |c| !c.taken);
    let least = left.iter().map(|(_, c)| c.cost).min();
    left.retain(|(_, c)| Some(c.cost) == least);
    left.retain(|(_, c)| c.free);
    match (draw(&left, draws[0]), draw(&left, draws[1])) {
        (Some(first), Some(second)) if second.1.load() < first.1.load() => Choice::Take(second.0),
        (Some(first), _) => Choice::Take(first.0),
        (None, _) => Choice::Wait,
    }
}

fn prefer(left: &mut Vec<(usize, &Candidate)>, liked: impl Fn(&Candidate) -> bool) {
    if left.iter().any(|(_, c)| liked(c)) {
        left.retain(|(_, c)| liked(c));
    }
}

fn draw<'a>(from: &[(usize, &'a Candidate)], at: f64) -> Option<(usize, &'a Candidate)> {
    let total: f64 = from.iter().map(|(_, c)| f64::from(c.weight.max(1))).sum();
    let mut left = at.clamp(0.0, 1.0) * total;
    for candidate in from {
        left -= f64::from(candidate.1.weight.max(1));
        if left < 0.0 {
            return Some(*candidate);
        }
    }
    from.last().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: Candidate = Candidate {
        priority: 1,
        weight: 1,
        outstanding: 0,
        carries: true,
        up: true,
        free: true,
        failed: false,
        shows: true,
        talks: None,
        taken: false,
        cost: Price(0),
    };

    fn chosen(all: &[Candidate], draws: [f64; 2]) -> Choice {
        choose(all, true, draws)
    }

    /// Whatever is drawn, this one takes it.
    fn always(all: &[Candidate], which: usize, why: &str) {
        for n in 0..16 {
            let draws = [f64::from(n % 4) / 4.0, f64::from(n / 4) / 4.0];
            assert_eq!(chosen(all, draws), Choice::Take(which), "{why}");
        }
    }

    #[test]
    fn the_lower_priority_goes_first_and_the_next_tier_steps_in_when_it_is_down() {
        let mut all = [PLAIN, Candidate { priority: 2, weight: 9, ..PLAIN }];
        always(&all, 0, "the lower priority");
        all[0].free = false;
        assert_eq!(chosen(&all, [0.9, 0.9]), Choice::Wait, "a full gateway makes the message wait");
        all[0].up = false;
        always(&all, 1, "the next tier");
        all[1].up = false;
        assert_eq!(chosen(&all, [0.0, 0.0]), Choice::Wait);
        all.iter_mut().for_each(|c| c.carries = false);
        assert_eq!(chosen(&all, [0.0, 0.0]), Choice::Never);
        assert_eq!(chosen(&[], [0.0, 0.0]), Choice::Never);
    }

    #[test]
    fn each_step_goes_before_the_next() {
        let second = Candidate { priority: 2, ..PLAIN };
        for (why, all) in [
            ("trouble before sender", [Candidate { shows: false, ..PLAIN }, Candidate { failed: true, ..PLAIN }]),
            ("sender before conversation", [PLAIN, Candidate { shows: false, talks: Some(0), ..PLAIN }]),
            ("sender before tier", [second, Candidate { shows: false, ..PLAIN }]),
            ("conversation before tier", [Candidate { talks: Some(3), ..second }, PLAIN]),
            (
                "the latest conversation",
                [Candidate { talks: Some(0), ..second }, Candidate { talks: Some(1), ..PLAIN }],
            ),
            ("tier before another's number", [Candidate { taken: true, ..PLAIN }, second]),
            ("apart before cost", [Candidate { cost: Price(9), ..PLAIN }, Candidate { taken: true, ..PLAIN }]),
            ("cost before load", [Candidate { outstanding: 7, ..PLAIN }, Candidate { cost: Price(1), ..PLAIN }]),
            ("down is no choice", [Candidate { cost: Price(1), ..second }, Candidate { up: false, ..PLAIN }]),
        ] {
            always(&all, 0, why);
            always(&[all[1], all[0]], 1, why);
        }
    }

    #[test]
    fn what_nobody_offers_is_done_without() {
        always(&[Candidate { shows: false, ..PLAIN }], 0, "its own number is shown");
        always(&[Candidate { taken: true, ..PLAIN }], 0, "the only number");
        always(&[Candidate { failed: true, ..PLAIN }], 0, "the only gateway");
        always(&[Candidate { talks: Some(0), up: false, ..PLAIN }, PLAIN], 1, "the conversation moves on");
    }

    #[test]
    fn a_conversation_waits_for_its_gateway_unless_too_many_do() {
        let all = [Candidate { talks: Some(0), free: false, ..PLAIN }, PLAIN];
        assert_eq!(choose(&all, true, [0.0, 0.0]), Choice::Wait);
        assert_eq!(choose(&all, false, [0.0, 0.0]), Choice::Take(1));
    }

    #[test]
    fn equals_share_by_weight() {
        let all = [PLAIN, Candidate { weight: 3, ..PLAIN }];
        let hits = (0..1000).filter(|i| chosen(&all, [f64::from(*i) / 1000.0, 0.99]) == Choice::Take(1));
        assert_eq!(hits.count(), 750);
    }

    #[test]
    fn the_less_loaded_of_two_takes_it() {
        let all = [Candidate { outstanding: 3, ..PLAIN }, PLAIN];
        assert_eq!(chosen(&all, [0.1, 0.9]), Choice::Take(1));
        assert_eq!(chosen(&all, [0.9, 0.1]), Choice::Take(1));
        let heavy = [Candidate { outstanding: 3, weight: 4, ..PLAIN }, Candidate { outstanding: 1, ..PLAIN }];
        assert_eq!(chosen(&heavy, [0.99, 0.0]), Choice::Take(0), "three quarters are less than one");
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        (0u32..3, 1u32..4, 0usize..5, flags, prop::option::of(0u32..3), 0u64..3).prop_map(
            |(priority, weight, outstanding, (carries, up, free, failed, shows, taken), talks, cost)| Candidate {
                priority,
                weight,
                outstanding,
                carries,
                up,
                free,
                failed,
                shows,
                talks,
                taken,
                cost: Price(cost),
            },
        )
    }

    proptest! {
        #[test]
        fn whoever_takes_it_can(all in prop::collection::vec(candidate(), 0..8), sticky in any::<bool>(), a in 0.0f64..1.0, b in 0.0f64..1.0) {
            match choose(&all, sticky, [a, b]) {
                Choice::Take(which) => {
                    let c = all[which];
                    prop_assert!(c.carries && c.up && c.free);
                    // Nobody of a better tier who was free and as good in everything before was passed over.
                    let better = |o: &Candidate| o.carries && o.up && o.free && o.priority < c.priority
                        && o.failed == c.failed && o.shows == c.shows && o.talks == c.talks;
                    prop_assert!(!all.iter().any(better));
                }
                Choice::Wait => prop_assert!(all.iter().any(|c| c.carries)),
                Choice::Never => prop_assert!(all.iter().all(|c| !c.carries)),
            }
        }

        #[test]
        fn somebody_takes_it_when_all_who_are_up_are_free(mut all in prop::collection::vec(candidate(), 1..8), a in 0.0f64..1.0) {
            all.iter_mut().for_each(|c| c.free = true);
            let up = all.iter().any(|c| c.carries && c.up);
            prop_assert_eq!(matches!(choose(&all, true, [a, a]), Choice::Take(_)), up);
        }
    }
}
