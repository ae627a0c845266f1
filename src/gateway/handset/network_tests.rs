//! The network without phones: what each behaviour answers, shows and reports, delays, and that everything is bounded.

use std::sync::Arc;

use super::*;
use crate::sms::{Content, Segment};

const T0: Timestamp = Timestamp(1_000_000);
const DELAY: Duration = Duration::from_secs(15);

fn number(written: &str) -> Destination {
    written.to_owned().try_into().expect("a number")
}

fn attempt(to: &str, n: u32, id: MessageId) -> Arc<Attempt> {
    Arc::new(Attempt {
        id,
        n,
        to: number(to),
        content: Content::text("Hello"),
        segments: vec![Segment { body: Body::Text("Hello".to_owned()), udh: Vec::new() }],
        parts: 1,
        wire: None,
        sender: None,
        sender_phone: None,
        pid: None,
        dcs: None,
        value: Vec::new(),
        trace: crate::address::Trace::default(),
        validity: Duration::from_secs(60),
    })
}

const ONE: &str = "+12025550123";
const TWO: &str = "+12025550147";

fn network() -> Network {
    Network::new(DELAY)
}

fn sent(answer: &Answer) -> bool {
    matches!(answer, Answer::Now(Outcome::Sent(Some(_))))
}

fn states(network: &Network) -> Vec<State> {
    network.phones().iter().flat_map(|phone| phone.texts.iter().map(|text| text.state)).collect()
}

#[test]
fn each_behaviour_has_its_answer_its_sight_and_its_receipt() {
    let coming = State::Coming(T0 + DELAY);
    for (behaviour, state, is_sent, receipt) in [
        (Behaviour::Deliver, State::Delivered, true, Some(T0)),
        (Behaviour::Delay, coming, true, Some(T0 + DELAY)),
        (Behaviour::Busy, State::Busy(1), false, None),
        (Behaviour::Refuse, State::Refused, false, None),
        (Behaviour::Lose, State::Lost, true, None),
        (Behaviour::Silent, State::Silent, false, None),
    ] {
        let mut network = network();
        network.behave(Some(&number(ONE)), behaviour, T0);
        let answer = network.take(&attempt(ONE, 1, MessageId::new()), 0, T0);
        assert_eq!(sent(&answer), is_sent, "{behaviour:?}");
        assert_eq!((states(&network), network.next()), (vec![state], receipt), "{behaviour:?}");
        match (behaviour, answer) {
            (Behaviour::Busy, Answer::Now(Outcome::Later(fault))) => assert_eq!(fault.code.class(), 4),
            (Behaviour::Refuse, Answer::Now(Outcome::Never(fault))) => {
                assert_eq!((fault.scope, fault.code.to_string().as_str()), (Scope::Recipient, "5.1.1"));
            }
            (Behaviour::Silent, Answer::Silence) => {}
            (_, Answer::Now(Outcome::Sent(_))) => {}
            _ => panic!("{behaviour:?} has another answer"),
        }
        assert_eq!(behaviour.word().parse(), Ok(behaviour));
    }
}

#[test]
fn a_delayed_text_arrives_with_its_receipt() {
    let mut network = network();
    network.behave(None, Behaviour::Delay, T0);
    let _ = network.take(&attempt(ONE, 1, MessageId::new()), 0, T0);
    assert!(network.due(T0).is_empty());
    assert!(!states(&network)[0].arrived());
    let later = T0 + DELAY;
    let words = network.due(later);
    assert_eq!((words.len(), &words[0].fate, words[0].at), (1, &Fate::Delivered, Some(later)));
    assert_eq!(states(&network), [State::Delivered]);
    assert!(network.due(later).is_empty() && network.next().is_none(), "given once");
    network.owe_again(words, later + DELAY);
    assert_eq!(network.due(later + DELAY).len(), 1, "what could not be given is owed again");
}

#[test]
fn delivering_again_ends_the_delay() {
    let mut network = network();
    network.behave(None, Behaviour::Delay, T0);
    for to in [ONE, TWO] {
        let _ = network.take(&attempt(to, 1, MessageId::new()), 0, T0);
    }
    network.behave(Some(&number(ONE)), Behaviour::Deliver, T0);
    assert_eq!(network.due(T0).len(), 1, "of that phone only");
    network.behave(None, Behaviour::Deliver, T0);
    assert_eq!(network.due(T0).len(), 1);
    assert_eq!(states(&network), [State::Delivered, State::Delivered]);
}

#[test]
fn a_message_that_is_tried_again_shows_once() {
    let mut network = network();
    network.behave(None, Behaviour::Busy, T0);
    let id = MessageId::new();
    for n in 1..=2 {
        let _ = network.take(&attempt(ONE, n, id), 0, T0);
        assert_eq!(states(&network), [State::Busy(n)]);
    }
    network.behave(None, Behaviour::Deliver, T0);
    let _ = network.take(&attempt(ONE, 3, id), 0, T0);
    assert_eq!(states(&network), [State::Delivered]);
}

#[test]
fn a_phone_has_its_own_behaviour_until_all_get_one() {
    let mut network = network();
    network.add(&number(TWO));
    network.behave(Some(&number(ONE)), Behaviour::Refuse, T0);
    let of = |network: &Network| network.phones().iter().map(|phone| phone.behaviour).collect::<Vec<_>>();
    assert_eq!(of(&network), [Behaviour::Refuse, Behaviour::Deliver]);
    network.behave(None, Behaviour::Lose, T0);
    assert_eq!(of(&network), [Behaviour::Lose, Behaviour::Lose]);
}

#[test]
fn everything_is_bounded() {
    let mut network = network();
    let _ = network.take(&attempt("+12025550100", 1, MessageId::new()), 0, T0);
    for n in 0..=TEXTS {
        network.typed(&number(ONE), n.to_string(), T0);
    }
    let phones = network.phones();
    let of_one = phones.iter().find(|phone| phone.number.as_str() == ONE).expect("it is there");
    assert_eq!((of_one.texts.len(), of_one.texts[0].words.as_str()), (TEXTS, "1"));
    for n in 0..PHONES - 1 {
        network.add(&number(&format!("+1303555{:04}", 100 + n)));
    }
    let phones = network.phones();
    assert_eq!(phones.len(), PHONES);
    assert!(!phones.iter().any(|phone| phone.number.as_str() == "+12025550100"), "the one that was idle longest goes");
    network.behave(None, Behaviour::Delay, T0);
    assert_eq!(network.due(T0).len(), 1);
    let full = (0..=OWED).map(|_| network.take(&attempt(ONE, 1, MessageId::new()), 0, T0));
    let refused: Vec<_> = full.filter(|answer| !sent(answer)).collect();
    assert!(matches!(refused.as_slice(), [Answer::Now(Outcome::Later(fault))] if fault.scope == Scope::Gateway));
}

#[test]
fn data_shows_as_data() {
    let mut binary = (*attempt(ONE, 1, MessageId::new())).clone();
    binary.segments[0].body = Body::Binary(vec![1, 2, 3]);
    let mut network = network();
    let _ = network.take(&binary, 0, T0);
    assert_eq!(network.phones()[0].texts[0].words, "[3 octets of data]");
}
