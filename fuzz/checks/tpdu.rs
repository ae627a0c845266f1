//! TPDUs: any octets are read or refused; what was read is written again and read as the same.

use martlet::sms::tpdu::{Toward, Tpdu, guess, read_pdu};

pub fn tpdu(data: &[u8]) {
    let _ = guess(data);
    for toward in [Toward::Phone, Toward::Network] {
        let _ = read_pdu(data, toward);
        let Ok(tpdu) = Tpdu::read(data, toward) else { continue };
        let mut out = Vec::new();
        let written = match &tpdu {
            Tpdu::Deliver(deliver) => deliver.write(&mut out),
            Tpdu::Submit(submit) => submit.write(&mut out),
            Tpdu::Report(report) => report.write(&mut out),
            Tpdu::Command(command) => command.write(&mut out),
        };
        if written.is_err() {
            // More than a TPDU holds, or cells without a character, which have been read as blanks.
            continue;
        }
        let again = Tpdu::read(&out, toward).expect("what was written is read");
        match (&tpdu, &again) {
            (Tpdu::Deliver(a), Tpdu::Deliver(b)) => {
                assert_eq!((&a.from, a.pid, a.dcs, a.sent), (&b.from, b.pid, b.dcs, b.sent));
                assert!(a.data.segment == b.data.segment && b.data.sound);
            }
            (Tpdu::Submit(a), Tpdu::Submit(b)) => {
                assert!(a.segment == b.segment && a.to == b.to && a.validity == b.validity && b.sound);
            }
            (Tpdu::Report(a), Tpdu::Report(b)) => {
                assert_eq!((a.reference, &a.to, a.sent, a.done, a.status), (b.reference, &b.to, b.sent, b.done, b.status));
            }
            (Tpdu::Command(a), Tpdu::Command(b)) => assert_eq!(a, b),
            _ => panic!("another type"),
        }
    }
}
