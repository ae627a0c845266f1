//! The dialogue with a modem: any octets, in any pieces, at any time. It never panics, every submission ends exactly once,
//! what is committed is what arrived, and nothing that is written holds Ctrl-Z but a PDU.

use std::{collections::BTreeSet, time::Duration};

use martlet::gateway::modem::dialogue::{Dialogue, Event, Setup, Submission};

/// The first octet says how the modem is set up and in which pieces octets come; 0x00 lets time pass. One with a memory of
/// its own is asked a code as soon as it is ready.
pub fn dialogue(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else { return };
    let setup = Setup {
        has_pin: how & 1 != 0,
        direct: how & 2 != 0,
        receive: how & 4 != 0,
        storage: (how & 8 != 0).then(|| "SM".to_owned()),
        ..Setup::default()
    };
    let mut now = Duration::ZERO;
    let mut dialogue = Dialogue::new(setup, now);
    let (mut submitted, mut ended, mut arrived) = (0u64, BTreeSet::new(), Vec::new());
    for piece in rest.chunks(usize::from(how >> 4) * 4 + 1) {
        now += Duration::from_millis(if piece.contains(&0) { 20_000 } else { 310 });
        dialogue.tick(now);
        if submitted < 50 {
            dialogue.submit(Submission { id: submitted, tpdu: vec![1; 12], more: how & 1 != 0 }, now);
            submitted += 1;
        }
        dialogue.receive(piece, now);
        if heard(&mut dialogue, &mut ended, &mut arrived, now) && how & 8 != 0 {
            dialogue.ussd("*100#", now);
        }
        if let Some(ticket) = arrived.pop() {
            dialogue.committed(ticket, how & 2 == 0, now);
        }
        let out = dialogue.take_out();
        for line in out.split(|octet| *octet == 0x1a).rev().skip(1) {
            assert!(line.len() >= 26, "only a PDU is submitted");
        }
    }
    dialogue.lost();
    heard(&mut dialogue, &mut ended, &mut arrived, now);
    assert_eq!(ended.len() as u64, submitted);
}

/// Takes what happened; whether it has become ready.
fn heard(dialogue: &mut Dialogue, ended: &mut BTreeSet<u64>, arrived: &mut Vec<u64>, now: Duration) -> bool {
    let mut ready = false;
    while let Some(event) = dialogue.next_event() {
        match event {
            Event::Ended(id, _) => assert!(ended.insert(id), "a submission ends once"),
            Event::Arrived(ticket, _) => arrived.push(ticket),
            Event::PinWanted => dialogue.pin(Some("1234"), now),
            Event::Ready => ready = true,
            _ => {}
        }
    }
    ready
}
