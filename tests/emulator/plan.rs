//! What goes wrong, and when: drawn once from a seed, for each text and each of its attempts, so that every run sees the same
//! whatever its threads do. The first texts have each fault once; what the others get is drawn.

use std::time::Duration;

/// How an answer 429 says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Seconds,
    Date,
    /// `RateLimit-Reset`: seconds from now.
    Reset,
    /// `X-RateLimit-Reset`: seconds since 1970.
    Epoch,
    /// Not at all.
    Unsaid,
}

/// What becomes of a request beside a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Reset behind the request.
    Reset,
    /// The answer breaks off.
    Half,
    /// Octets that are no answer.
    Noise,
    /// An answer of HTTP that says nothing.
    Nonsense,
    /// A proxy has lost the provider.
    Proxy,
    /// No answer within the gateway's time.
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Throttled(Again),
    /// Trouble of the provider, said plainly: nobody took the text.
    Trouble(u16),
    /// Nobody can tell from here whether the text was taken.
    Lost {
        taken: bool,
        how: Break,
    },
    /// No such number: for good.
    Refused,
}

impl Fault {
    /// Whether a gateway knows what became of its request.
    pub fn is_plain(self) -> bool {
        !matches!(self, Self::Lost { .. })
    }

    /// Its row in the counts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Throttled(_) => "429",
            Self::Trouble(_) => "5xx",
            Self::Lost { how: Break::Reset, .. } => "reset",
            Self::Lost { how: Break::Half, .. } => "half an answer",
            Self::Lost { how: Break::Noise | Break::Nonsense, .. } => "garbage",
            Self::Lost { how: Break::Proxy, .. } => "502",
            Self::Lost { how: Break::Slow, .. } => "slow",
            Self::Refused => "refused",
        }
    }
}

/// How the provider calls about a text that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Sent, then delivered.
    Usual,
    /// Each three times.
    Thrice,
    /// Sent, before the request is answered.
    Early,
    /// All of it before the request is answered.
    First,
    /// Delivered, then sent.
    Backwards,
    /// Sent, then given up.
    Failed,
    /// Never.
    None,
}

/// How long providers want to be left alone: the test turns the clock for that.
pub const PAUSE: Duration = Duration::from_secs(240);

const AGAIN: [Again; 5] = [Again::Seconds, Again::Date, Again::Reset, Again::Epoch, Again::Unsaid];
const BREAKS: [Break; 6] = [Break::Reset, Break::Half, Break::Noise, Break::Nonsense, Break::Proxy, Break::Slow];
const CALLS: [Calls; 7] =
    [Calls::Usual, Calls::Thrice, Calls::Early, Calls::First, Calls::Backwards, Calls::Failed, Calls::None];

/// Each fault once.
fn every_fault() -> Vec<Fault> {
    let again = AGAIN.map(Fault::Throttled);
    let trouble = [500, 503].map(Fault::Trouble);
    let lost = BREAKS.into_iter().flat_map(|how| [true, false].map(|taken| Fault::Lost { taken, how }));
    again.into_iter().chain(trouble).chain(lost).chain([Fault::Refused]).collect()
}

/// What is planned for one provider.
pub struct Plan {
    pub scripts: Vec<Vec<Fault>>,
    pub calls: Vec<Calls>,
    /// Connections that are reset before anything is read, counted from 0.
    pub resets: Vec<usize>,
}

impl Plan {
    pub fn new(seed: u64, texts: usize) -> Self {
        let mut dice = Dice(seed);
        let every = every_fault();
        assert!(texts > every.len() + CALLS.len(), "too few texts for every fault");
        let scripts = (0..texts).map(|n| every.get(n).map_or_else(|| dice.script(), |fault| vec![*fault])).collect();
        let calls = (0..texts).map(|n| dice.calls(n)).collect();
        // One of the first for sure: where all goes well a provider sees few connections.
        let resets = (0..texts * 4).filter(|n| *n == 2 || dice.below(12) == 0).collect();
        Self { scripts, calls, resets }
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        let n = self.below(u64::try_from(all.len()).expect("a few"));
        all[usize::try_from(n).expect("a few")]
    }

    /// Two texts of three go well; the others have one to three faults, none for which the clock has to be turned.
    fn script(&mut self) -> Vec<Fault> {
        if self.below(3) > 0 {
            return Vec::new();
        }
        let short = [Break::Reset, Break::Half, Break::Noise, Break::Nonsense, Break::Proxy];
        let fault = |dice: &mut Self| match dice.below(4) {
            0 => Fault::Trouble(dice.one_of(&[500, 503])),
            1 if dice.below(4) == 0 => Fault::Refused,
            _ => Fault::Lost { taken: dice.below(2) == 0, how: dice.one_of(&short) },
        };
        (0..=self.below(3)).map(|_| fault(self)).collect()
    }

    fn calls(&mut self, n: usize) -> Calls {
        // Behind the texts that have each fault, each way of calling at least once for one that goes well or not.
        CALLS.get(n % 16).copied().unwrap_or_else(|| self.one_of(&CALLS))
    }
}
