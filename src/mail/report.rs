//! What a sender is told by mail: delivery status notifications (RFC 3464 in RFC 6522), and notices to the postmaster.
//!
//! Plain words first, then the machine's part, then the original or its headers. What goes wrong elsewhere: a charset
//! on `message/delivery-status`, an original that is broken by re-encoding, a boundary that occurs in the original,
//! and a diagnostic that forges fields. The null envelope sender is the caller's.

use super::{
    TRACE, Unwritable,
    compose::{Composer, one_line},
    flowed,
    returned::{Returned, boundary, crlf, passes},
    words::{Event, Values, Words},
    write::{check, references, words},
};
use crate::{
    ground::{Enhanced, Fault, GatewayId, Timestamp},
    smtp::Ret,
};

/// The mail that is reported on.
#[derive(Clone, Copy, Default)]
pub struct Original<'a> {
    /// Header block, secrets masked, without the empty line.
    pub headers: &'a [u8],
    /// `None`: too large, or not to be shown.
    pub body: Option<&'a [u8]>,
    /// Without brackets.
    pub message_id: Option<&'a str>,
    pub references: &'a [String],
    pub subject: &'a str,
    /// `RET=`; counts for failures only (RFC 3461 4.3).
    pub ret: Option<Ret>,
    /// `ENVID=`, decoded.
    pub envid: Option<&'a str>,
    pub arrival: Option<Timestamp>,
}

/// One report on one recipient.
#[derive(Clone)]
pub struct Report<'a> {
    pub event: Event,
    /// Where answers go: postmaster.
    pub from: &'a str,
    /// The return path.
    pub to: &'a str,
    /// Our host name.
    pub host: &'a str,
    pub date: Timestamp,
    /// Without brackets; the same for every delivery of this report.
    pub message_id: &'a str,
    pub original: Original<'a>,
    /// `report_text`: whether the text may be in it.
    pub with_text: bool,
    /// The phone, as people read it.
    pub number: &'a str,
    /// `ORCPT=` as `type;address`, decoded.
    pub original_recipient: Option<&'a str>,
    /// The RCPT address in wire form, without parameters that hold secrets.
    pub final_recipient: &'a str,
    /// Cause and its code. `None` for success; an unsure outcome is 4.4.2 whatever stands here.
    pub fault: Option<&'a Fault>,
    pub gateway: Option<&'a GatewayId>,
    /// Parts sent, of how many.
    pub parts: Option<(u8, u8)>,
    pub last_attempt: Option<Timestamp>,
    /// For delays.
    pub until: Option<Timestamp>,
}

impl Report<'_> {
    /// `Status:` of the report: of the event's class, by the fault's code.
    pub fn status(&self) -> Enhanced {
        let given = self.fault.map(|f| f.code);
        match self.event {
            Event::Unsure => Enhanced::new(4, 4, 2),
            Event::Delivered | Event::Relayed => Enhanced::new(2, 0, 0),
            Event::Delayed => given.filter(|c| c.class() == 4).unwrap_or(Enhanced::new(4, 0, 0)),
            Event::Expired => Enhanced::new(4, 4, 7),
            Event::Cancelled => Enhanced::new(5, 7, 1),
            Event::Failed => given.filter(|c| c.class() != 2).unwrap_or(Enhanced::new(5, 0, 0)),
        }
    }

    /// The whole mail: CRLF line ends, ASCII headers.
    pub fn write(&self, templates: &Words) -> Result<Vec<u8>, Unwritable> {
        check(self.from, self.to, self.message_id, self.host)?;
        let (subject, text) = self.say(templates);
        let returned = self.returned();
        let boundary = boundary(self.message_id, returned.content());
        let mut mail = Composer::default();
        opening(&mut mail, "Mail Delivery System", self.from, self.to, &subject, self.date, self.message_id);
        mail.ids("In-Reply-To", self.original.message_id.into_iter());
        mail.ids("References", references(self.original.references, self.original.message_id));
        mail.raw("Auto-Submitted", "auto-replied");
        mail.raw(TRACE, self.host);
        mail.raw("MIME-Version", "1.0");
        mail.raw(
            "Content-Type",
            &format!("multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\""),
        );
        if let Returned::Mail { eight_bit: true, .. } = returned {
            mail.raw("Content-Transfer-Encoding", "8bit");
        }
        mail.out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        mail.raw("Content-Type", "text/plain; charset=utf-8; format=flowed");
        mail.body(&flowed::flow(&text));
        mail.out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        mail.raw("Content-Type", "message/delivery-status");
        mail.out.extend_from_slice(b"\r\n");
        self.fields(&mut mail);
        mail.out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
        returned.write(&mut mail);
        mail.out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        Ok(mail.out)
    }

    fn say(&self, templates: &Words) -> (String, String) {
        let status = self.status();
        let (sent, total) = self.parts.unwrap_or_default();
        let until = self.until.map(Timestamp::rfc5322).unwrap_or_default();
        let arrival = self.original.arrival.map(Timestamp::rfc5322).unwrap_or_default();
        let subject = one_line(self.original.subject, 300);
        let values = Values {
            number: self.number,
            reason: self.fault.map_or("", |f| f.text.as_str()),
            gateway: self.gateway.map_or("", GatewayId::as_str),
            status: &status.to_string(),
            invalid: status.to_string().starts_with("5.1."),
            sent,
            total,
            until: &until,
            subject: &subject,
            arrival: &arrival,
            host: self.host,
        };
        let (subject, text) = templates.say(self.event, &values);
        (subject, words(&text))
    }

    /// Per-message fields, an empty line, per-recipient fields (RFC 3464 2.2, 2.3).
    fn fields(&self, mail: &mut Composer) {
        let mut field = |name: &str, value: &str| {
            let value = ascii(value);
            if !value.is_empty() {
                mail.raw(name, &value);
            }
        };
        if let Some(envid) = self.original.envid {
            field("Original-Envelope-Id", envid);
        }
        field("Reporting-MTA", &format!("dns; {}", self.host));
        if let Some(arrival) = self.original.arrival {
            field("Arrival-Date", &arrival.rfc5322());
        }
        mail.out.extend_from_slice(b"\r\n");
        let mut field = |name: &str, value: &str| {
            let value = ascii(value);
            if !value.is_empty() {
                mail.raw(name, &value);
            }
        };
        if let Some((kind, address)) = self.original_recipient.and_then(|o| o.split_once(';')) {
            field("Original-Recipient", &format!("{};{}", ascii(kind), utf8_address(address)));
        }
        let plain = self.final_recipient.is_ascii();
        let kind = if plain { "rfc822" } else { "utf-8" };
        field("Final-Recipient", &format!("{kind}; {}", utf8_address(self.final_recipient)));
        field("Action", self.event.action());
        field("Status", &self.status().to_string());
        if let Some(gateway) = self.gateway {
            field("Remote-MTA", &format!("x-gateway; {gateway}"));
        }
        if let Some(fault) = self.fault.filter(|f| !f.text.is_empty()) {
            field("Diagnostic-Code", &format!("x-sms; {}", fault.text));
        }
        if let Some(last) = self.last_attempt {
            field("Last-Attempt-Date", &last.rfc5322());
        }
        if let Some(until) = self.until.filter(|_| self.event == Event::Delayed) {
            field("Will-Retry-Until", &until.rfc5322());
        }
    }

    /// Headers only, unless it is a failure, the sender did not ask for headers, and the body can pass unchanged.
    fn returned(&self) -> Returned {
        let failure = self.event.action() == "failed";
        let wanted = failure && self.with_text && self.original.ret != Some(Ret::Hdrs);
        let headers = crlf(self.original.headers);
        if let Some(body) = self.original.body.filter(|_| wanted) {
            let mut mail = headers.clone();
            mail.extend_from_slice(b"\r\n");
            mail.extend_from_slice(&crlf(body));
            if passes(&mail) {
                return Returned::Mail { eight_bit: !mail.is_ascii(), mail };
            }
        }
        Returned::Headers(headers)
    }
}

/// One line of printable ASCII for a status field; anything else becomes `?`.
fn ascii(value: &str) -> String {
    one_line(value, 900).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// An address as utf-8-addr-xtext where it is not ASCII (RFC 6533 3).
fn utf8_address(address: &str) -> String {
    let address = one_line(address, 500);
    if address.is_ascii() {
        return address;
    }
    address
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
                c.to_string()
            } else {
                format!("\\x{{{:X}}}", u32::from(c))
            }
        })
        .collect()
}

pub(super) fn opening(
    mail: &mut Composer,
    name: &str,
    from: &str,
    to: &str,
    subject: &str,
    date: Timestamp,
    message_id: &str,
) {
    mail.mailbox("From", name, from);
    mail.mailbox("To", "", to);
    mail.words("Subject", subject);
    mail.raw("Date", &date.rfc5322());
    mail.ids("Message-ID", [message_id].into_iter());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ground::Scope,
        mail::{AutoSubmitted, Choices, read, text},
    };

    fn with<T>(event: Event, fault: Option<&Fault>, original: Original<'_>, then: impl FnOnce(Report<'_>) -> T) -> T {
        let gateway: GatewayId = "main".parse().expect("gateway");
        then(Report {
            event,
            from: "postmaster@sms.example.test",
            to: "ann@example.test",
            host: "sms.example.test",
            date: Timestamp(1_795_162_500_000),
            message_id: "r1@sms.example.test",
            original,
            with_text: true,
            number: "+1 555-000-1111",
            original_recipient: Some("rfc822;boss@example.test"),
            final_recipient: "\"sms:+15550001111\"@sms.example.test",
            fault,
            gateway: Some(&gateway),
            parts: Some((0, 1)),
            last_attempt: Some(Timestamp(1_795_162_400_000)),
            until: Some(Timestamp(1_795_172_400_000)),
        })
    }

    fn original() -> Original<'static> {
        Original {
            headers: b"From: ann@example.test\r\nSubject: Hi\r\n",
            body: Some(b"secret words\r\n"),
            message_id: Some("m1@example.test"),
            subject: "Hi",
            envid: Some("env-1"),
            arrival: Some(Timestamp(1_795_152_500_000)),
            ..Original::default()
        }
    }

    fn written(report: &Report<'_>) -> String {
        String::from_utf8(report.write(&Words::default()).expect("a report")).expect("UTF-8")
    }

    #[test]
    fn a_failure_in_full() {
        let fault = Fault::new(Scope::Recipient, Enhanced::new(5, 1, 1), "no such phone\r\nAction: delivered");
        let mail = with(Event::Failed, Some(&fault), original(), |r| written(&r));
        for line in [
            "Content-Type: multipart/report; report-type=delivery-status;",
            "Auto-Submitted: auto-replied",
            "In-Reply-To: <m1@example.test>",
            "References: <m1@example.test>",
            "Original-Envelope-Id: env-1",
            "Reporting-MTA: dns; sms.example.test",
            "Original-Recipient: rfc822;boss@example.test",
            "Final-Recipient: rfc822; \"sms:+15550001111\"@sms.example.test",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: x-gateway; main",
            "Diagnostic-Code: x-sms; no such phone  Action: delivered",
            "Content-Type: message/delivery-status",
            "Content-Type: message/rfc822",
            "secret words",
        ] {
            assert!(mail.contains(&format!("{line}\r\n")), "{line}\n{mail}");
        }
        assert!(!mail.contains("Will-Retry-Until") && !mail.contains("\r\nAction: delivered"));
        let read = read(mail.as_bytes()).expect("a mail");
        assert!(read.is_dsn && read.auto_submitted == AutoSubmitted::AutoReplied);
        let words = text(&read, &Choices::default()).expect("words").text;
        assert!(words.starts_with("Your text to +1 555-000-1111 could not be delivered."), "{words}");
        let blocks = mail.split("message/delivery-status\r\n\r\n").nth(1).expect("the status part");
        assert_eq!(blocks.split("\r\n--=_").next().expect("its end").split("\r\n\r\n").count(), 2);
    }

    #[test]
    fn what_is_returned() {
        let full = "Content-Type: message/rfc822";
        let long = [b"x".repeat(1500).as_slice(), b"\r\n"].concat();
        for (event, change, want) in [
            (Event::Failed, original(), true),
            (Event::Unsure, original(), true),
            (Event::Failed, Original { ret: Some(Ret::Full), ..original() }, true),
            (Event::Failed, Original { ret: Some(Ret::Hdrs), ..original() }, false),
            (Event::Failed, Original { body: None, ..original() }, false),
            (Event::Failed, Original { body: Some(&long), ..original() }, false),
            (Event::Failed, Original { body: Some(b"a\0b"), ..original() }, false),
            (Event::Delayed, original(), false),
            (Event::Delivered, Original { ret: Some(Ret::Full), ..original() }, false),
        ] {
            let mail = with(event, None, change, |r| written(&r));
            assert_eq!(mail.contains(full), want, "{event:?}");
            assert_eq!(mail.contains("secret words"), want && change.body == original().body, "{event:?}");
            assert!(mail.contains("Subject: Hi\r\n"));
        }
        let mail = with(Event::Failed, None, original(), |mut r| {
            r.with_text = false;
            written(&r)
        });
        assert!(!mail.contains("secret words"));
    }

    #[test]
    fn odd_originals_travel_safely() {
        let eight = Original { body: Some("žluť\n".as_bytes()), ..original() };
        let mail = with(Event::Failed, None, eight, |r| written(&r));
        assert_eq!(mail.matches("Content-Transfer-Encoding: 8bit\r\n").count(), 2);
        assert!(mail.contains("žluť\r\n"));
        let headers = Original { headers: "Subject: žluť\n".as_bytes(), body: None, ..original() };
        let mail = with(Event::Failed, None, headers, |r| written(&r));
        assert!(mail.is_ascii() && mail.contains("Subject: =C5=BElu=C5=A5"));
    }

    #[test]
    fn codes_fit_the_event() {
        let fault = |code: &str| Fault::new(Scope::Message, code.parse().expect("code"), "x");
        for (event, code, want) in [
            (Event::Unsure, Some("5.1.1"), "4.4.2"),
            (Event::Expired, Some("4.4.1"), "4.4.7"),
            (Event::Cancelled, Some("4.4.1"), "5.7.1"),
            (Event::Delayed, Some("4.4.5"), "4.4.5"),
            (Event::Delayed, Some("5.0.0"), "4.0.0"),
            (Event::Delivered, Some("5.0.0"), "2.0.0"),
            (Event::Failed, None, "5.0.0"),
            (Event::Failed, Some("4.4.4"), "4.4.4"),
        ] {
            let fault = code.map(fault);
            let got = with(event, fault.as_ref(), original(), |r| r.status());
            assert_eq!(got.to_string(), want, "{event:?} {code:?}");
        }
        let delayed = with(Event::Delayed, None, original(), |r| written(&r));
        assert!(delayed.contains("Will-Retry-Until: ") && delayed.contains("Action: delayed\r\n"));
        let unsure = with(Event::Unsure, None, original(), |r| written(&r));
        assert!(unsure.contains("may have arrived") && unsure.contains("Action: failed\r\nStatus: 4.4.2\r\n"));
    }
}
