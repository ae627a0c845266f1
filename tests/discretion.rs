//! `Debug` shows no number, no text and no password: neither of types that hold one, nor of those that will come.

use std::{fmt::Debug, fs, path::Path as File, time::Duration};

use libtest_mimic::Trial;
use martlet::{
    accounts::{Accounts, Password, Row},
    address::{
        Accept, AddressError, Credentials, Destination, HelperEntry, HelperError, Mailbox, Number, Numbering,
        Originator, Params, Path, Reading, ReversePath, SenderId, ShortCode, helper, params::Form, uri,
    },
    config,
    gateway::Attempt,
    ground::{Enhanced, Fault, MessageId, Outcome, RemoteId, Scope, Secret, Timestamp},
    mail,
    mailbox::reply,
    rules::deed,
    sms::{Body, Content, Segment},
    smtp::{Envelope, Notify, Recipient, Reply},
    store,
};

use crate::support::{root, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("discretion: Debug of what holds a number, a text or a password", debug_is_discreet),
        trial("discretion: Debug of a whole configuration", configuration),
        trial("discretion: whoever derives Debug over words says why he may", derived),
    ]
}

const PHONE: &str = "+12015550123";
const WORDS: &str = "Zwetschgenknödel";
const PASSWORD: &str = "hunter2X";
/// Parts of them that may not be seen.
const SECRETS: [&str; 4] = ["5550123", "46645", "Zwetschgen", "hunter2"];

fn discreet(what: &str, value: &dyn Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{what} shows {secret}: {shown}");
        }
        let octets: Vec<String> = WORDS.bytes().map(|b| b.to_string()).collect();
        assert!(!shown.contains(&octets[..4].join(", ")), "{what} shows octets: {shown}");
    }
}

macro_rules! all_discreet {
    ($($value:expr),* $(,)?) => { $(discreet(stringify!($value), &$value);)* };
}

fn parsed<T: std::str::FromStr>(written: &str) -> T
where
    T::Err: Debug,
{
    written.parse().expect(written)
}

fn debug_is_discreet() {
    words_of_addresses();
    words_of_accounts();
    words_of_texts();
    words_of_the_store();
}

fn words_of_addresses() {
    let numbering = Numbering { region: parsed("US"), accept: Accept::Possible };
    let uri = format!("sms:{PHONE}?user=x&pass={PASSWORD}&sender=12015550123&reply=12015550123@a.test&value={WORDS}");
    let path: Path = parsed(&format!("\"{uri}\"@sms.example.test"));
    let to = Destination::Number(parsed(PHONE));
    let target = uri::parse(&uri, &numbering).expect("a target");
    let call = uri::parse_call(&format!("number={PHONE}&data={WORDS}&user=a&pass={PASSWORD}"), &numbering);
    let entry = |to: &str| HelperEntry {
        address: "oncall@a.test".to_owned(),
        to: vec![to.to_owned()],
        account: parsed("alice"),
        from: Vec::new(),
    };
    let refused: HelperError = helper::read(&[entry(&uri)], &numbering).expect_err("credentials");
    let odd = AddressError::Parameter { name: "maxmsgs".to_owned(), why: "is bad" };
    all_discreet![
        parsed::<Number>(PHONE),
        parsed::<ShortCode>("46645"),
        to,
        Reading { destination: to.clone(), valid: true },
        Originator::Number(PHONE.to_owned()),
        Originator::Digits("12015550123".to_owned()),
        Originator::Name(WORDS.to_owned()),
        parsed::<SenderId>("12015550123"),
        parsed::<Mailbox>("12015550123@a.test"),
        path,
        ReversePath::Path(path.clone()),
        target,
        call.expect("a call"),
        Params::parse(&format!("body={WORDS}&msgid={PASSWORD}"), Form::Uri).expect("parameters"),
        Params::parse(&format!("maxmsgs={PASSWORD}"), Form::Uri).expect_err("no number"),
        uri::parse(&format!("sms:{PHONE}&pass={PASSWORD}"), &numbering).expect_err("no parameters"),
        Credentials::new("12015550123", PASSWORD.to_owned()),
        entry(&uri),
        refused,
        HelperError::To { address: PHONE.to_owned(), to: uri.clone(), why: odd },
        helper::read(&[entry(&format!("sms:{PHONE}?value={WORDS}"))], &numbering).expect("entries"),
        Recipient { path: path.clone(), notify: Some(Notify::NEVER), orcpt: Some(uri.clone()) },
        Envelope { from: ReversePath::Path(path.clone()), auth: Some(PHONE.to_owned()), ..Envelope::default() },
        Reply::new(550, Enhanced::new(5, 1, 3), format!("{PHONE} {WORDS}")),
    ];
}

fn words_of_accounts() {
    let password = Password::new(Secret::new(PASSWORD.to_owned())).expect("a password");
    let row = Row {
        password: Some(password.clone()),
        phone: Some(parsed(PHONE)),
        senders: Some(vec![parsed("12015550123")]),
        reply: Some(parsed("12015550123@a.test")),
        ..Row::default()
    };
    let accounts = Accounts::new([(parsed("alice"), row.clone())].into(), parsed("US"), 3);
    let allowance = accounts.allowance(&parsed("alice"), Timestamp(0)).expect("an allowance");
    all_discreet![Secret::new(PASSWORD.to_owned()), password, row, accounts, allowance];
}

fn words_of_texts() {
    let fault = Fault::new(Scope::Recipient, Enhanced::new(5, 1, 1), format!("no {PHONE}: {WORDS}"));
    let segment = Segment { body: Body::Text(WORDS.to_owned()), udh: Vec::new() };
    let attempt = Attempt {
        trace: martlet::address::Trace::default(),
        id: MessageId::new(),
        n: 1,
        to: Destination::Number(parsed(PHONE)),
        content: Content::text(WORDS),
        segments: vec![segment.clone()],
        parts: 1,
        sender: Some(parsed("12015550123")),
        wire: None,
        sender_phone: Some(PHONE.to_owned()),
        pid: None,
        dcs: None,
        value: vec![WORDS.to_owned()],
        validity: Duration::ZERO,
    };
    all_discreet![
        Body::Binary(WORDS.into()),
        Content::text(WORDS),
        segment,
        attempt,
        fault,
        Outcome::Unsure(fault.clone()),
        reply::Reply { code: 550, enhanced: None, words: format!("{PHONE} {WORDS}") },
    ];
}

fn words_of_the_store() {
    use store::*;
    let id = MessageId::new();
    let fault = Fault::new(Scope::Recipient, Enhanced::new(5, 1, 1), format!("no {PHONE}: {WORDS}"));
    let mailbox: Mailbox = parsed("12015550123@a.test");
    let origin = Origin {
        report_to: Some(mailbox.clone()),
        reply_to: None,
        notify: Notify::default(),
        ret: None,
        envid: None,
        orcpt: Some(PHONE.to_owned()),
        written: PHONE.to_owned(),
        auto_replied: false,
        arrived: Timestamp(0),
        message_id: None,
        references: Vec::new(),
        subject: Some(WORDS.to_owned()),
        original: None,
    };
    let text = Text {
        trace: martlet::address::Trace::default(),
        to: Destination::Number(parsed(PHONE)),
        content: Content::text(WORDS),
        parts: 1,
        reference: 1,
        sender: Some(parsed("12015550123")),
        sender_required: false,
        wire: None,
        sender_phone: Some(PHONE.to_owned()),
        pid: None,
        dcs: None,
        value: vec![PASSWORD.to_owned()],
        account: parsed("alice"),
        confirms: false,
        charged: None,
        origin,
    };
    let mail = Mail {
        from: Some(PHONE.to_owned()),
        to: mailbox.clone(),
        ladder: vec![mailbox.clone()],
        message_id: "1@a.test".to_owned(),
        data: WORDS.as_bytes().into(),
        about: About::Reply,
    };
    let original =
        Original { id: OriginalId(id), headers: PHONE.as_bytes().into(), body: Some(WORDS.as_bytes().into()) };
    let new = New {
        id,
        key: Key::Any,
        priority: Priority::Normal,
        due: Timestamp(0),
        expires: Timestamp(0),
        warn_at: None,
        payload: Payload::Text(Box::new(text.clone())),
        candidates: Vec::new(),
        charge: None,
        brakes: Vec::new(),
        mate: None,
        fingerprint: None,
        held: None,
        note: None,
        original: Some(original.clone().into()),
    };
    let mo = MoSegment {
        media: Vec::new(),
        trace: martlet::address::Trace::default(),
        gateway: parsed("main"),
        number: Some(PHONE.to_owned()),
        from: Originator::Number(PHONE.to_owned()),
        segment: Segment { body: Body::Text(WORDS.to_owned()), udh: Vec::new() },
        reference: RemoteId::new("1"),
        sent: None,
        received: Timestamp(0),
    };
    let link = Link {
        gateway: parsed("main"),
        number: Some(PHONE.to_owned()),
        mailbox: mailbox.clone(),
        renewed: Timestamp(0),
        expires: Timestamp(0),
        message: id,
        message_id: None,
        references: Vec::new(),
        subject: Some(WORDS.to_owned()),
    };
    let new_link = NewLink {
        phone: PHONE.to_owned(),
        gateway: parsed("main"),
        number: Some(PHONE.to_owned()),
        mailbox: mailbox.clone(),
        expires: Timestamp(0),
    };
    let conflict = Conflict {
        id,
        phone: PHONE.to_owned(),
        gateway: parsed("main"),
        choices: vec![mailbox],
        waiting: vec![StoredSegment { id, mo: mo.clone(), media: 0 }],
        until: Timestamp(0),
        asked: Timestamp(0),
        open: true,
    };
    let url = format!("https://a.test/{PHONE}?token={PASSWORD}");
    let from = mail::Elsewhere { url: url.clone(), login: true, most: 1, hosts: Vec::new() };
    let pieces = [
        mail::Piece { kind: None, name: Some(WORDS.to_owned()), at: mail::At::Elsewhere(from.clone()) },
        mail::Piece { kind: None, name: Some(WORDS.to_owned()), at: mail::At::Here(WORDS.as_bytes().into()) },
        mail::Piece::missing(None, url.clone()),
    ];
    let outcomes = [
        Fetch::Here { kind: mail::MediaType::octets(), name: Some(WORDS.to_owned()), data: WORDS.as_bytes().into() },
        Fetch::Missing(url),
    ];
    all_discreet![from, pieces, outcomes];
    let dead = DeadLetter { kind: "bounce", about: Some(id), cause: PHONE.to_owned(), data: WORDS.into() };
    let row = DeadLetterRow {
        id,
        at: Timestamp(0),
        kind: "bounce".to_owned(),
        about: None,
        cause: format!("{PHONE} {WORDS}"),
        size: 1,
    };
    let event = Event {
        at: Timestamp(0),
        what: "sent".to_owned(),
        gateway: None,
        segment: None,
        cause: Some(format!("{PHONE} {WORDS}")),
    };
    let receipt = Receipt {
        gateway: parsed("main"),
        reference: RemoteId::new("1").expect("an id").into(),
        part: Default::default(),
        total: None,
        state: SegmentState::Failed,
        fault: Some(fault.clone()),
        at: Timestamp(0),
        reused: false,
    };
    let begin = Begin {
        id,
        gateway: None,
        parts: 0..1,
        frozen: Some(WORDS.to_owned()),
        link: Some(new_link.clone()),
        spend: None,
        ours: None,
    };
    let program = deed::Program {
        words: vec!["/bin/x".to_owned(), PHONE.to_owned(), WORDS.to_owned()],
        env: [("KEY".to_owned(), PASSWORD.to_owned())].into(),
        dir: None,
        timeout: Duration::ZERO,
        input: WORDS.to_owned(),
        mail: false,
    };
    let call = deed::Call {
        url: format!("http://a.test/{PHONE}?pass={PASSWORD}"),
        place: "http://a.test".to_owned(),
        body: Some(deed::Content::Form(WORDS.to_owned())),
        headers: [("Authorization".to_owned(), PASSWORD.to_owned())].into(),
        timeout: Duration::ZERO,
        answers_by: None,
    };
    let sneaky = deed::Call { place: format!("http://x:{PASSWORD}@a.test"), ..call.clone() };
    let statement = deed::Statement { name: "note".to_owned(), values: vec![PHONE.to_owned()] };
    let append = Append {
        folder: PHONE.to_owned(),
        message_id: "1@a.test".to_owned(),
        phone: Some(PHONE.to_owned()),
        data: WORDS.as_bytes().into(),
        seen: false,
        date: Timestamp(0),
    };
    let deeds = [Deed::Run(program), Deed::Call(call), Deed::Call(sneaky), Deed::Sql(statement), Deed::Append(append)];
    for deed in deeds {
        let (rule, about, trace, answers, otherwise) = ("a rule".to_owned(), None, Default::default(), None, None);
        let errand = Errand { rule, about, trace, answers, otherwise, deed };
        all_discreet![errand, New::errand(errand.clone(), Timestamp(0), Timestamp(0), Timestamp(0))];
    }
    all_discreet![
        text,
        mail,
        original,
        new,
        mo,
        link,
        new_link,
        conflict,
        dead,
        row,
        event,
        receipt,
        begin,
        Payload::Mail(Box::new(mail.clone())),
    ];
}

fn configuration() {
    let text = format!(
        r#"
domains = ["sms.example.test"]
[[listener]]
protocol = "lmtp"
bind = "127.0.0.1:0"
trust = ["127.0.0.1/32"]
identity = ["postfix-received"]
[mailbox]
url = "smtp://127.0.0.1:2525"
postmaster = "postmaster@example.test"
[sms]
region = "US"
[[gateway]]
id = "main"
type = "http"
url = "http://x:{PASSWORD}@127.0.0.1:9/send?key={PASSWORD}&to=%number%&text=%data%"
password = "{PASSWORD}"
number = "{PHONE}"
headers = {{ Authorization = "Bearer {PASSWORD}" }}
method = "POST"
body = "key={PASSWORD}"
proxy = "http://user:{PASSWORD}@127.0.0.1:3128"
[[database]]
name = "crm"
url = "postgres://martlet:{PASSWORD}@127.0.0.1/crm"
[[account]]
user = "alice@example.test"
password = "{PASSWORD}"
phone = "{PHONE}"
senders = ["12015550123"]
[[address]]
address = "oncall@sms.example.test"
to = ["sms:{PHONE}"]
account = "alice@example.test"
"#
    );
    let source = config::Source { path: "martlet.toml".into(), text };
    discreet("Source", &source);
    let config = config::parse(source, Vec::new(), File::new("/"), &config::Machine);
    discreet("Config", &config.unwrap_or_else(|errors| panic!("{errors}")));
}

/// Types that derive `Debug` and hold words: what these are, since they are no number, text or password of a person.
const MAY: &[(&str, &str)] = &[
    ("provider/proof/secrets.rs Mtls", "names that certificates show to everybody"),
    ("provider/web.rs Certificate", "whoever shows it shows it to everybody"),
    ("provider/arguments.rs Given", "secrets are secrets; names of arguments"),
    ("provider/arguments.rs Misfit", "names of arguments; quotes no value"),
    ("provider/cases/mod.rs Told", "of cases, in which nothing is real"),
    ("provider/cases/mod.rs CaseTold", "of cases, in which nothing is real"),
    ("provider/cases/mod.rs Touched", "of cases, in which nothing is real"),
    ("provider/codes.rs Codes", "the definition's own words"),
    ("provider/definition.rs Definition", "the definition's own words"),
    ("provider/definition.rs Setting", "the definition's own words"),
    ("provider/definition.rs SettingKind", "the definition's own words"),
    ("provider/definition.rs Unit", "the definition's own words"),
    ("provider/sending.rs Call", "the definition's own words"),
    ("provider/sending.rs Json", "the definition's own words"),
    ("provider/sending.rs Auth", "the definition's own words"),
    ("provider/sending.rs Changes", "the definition's own words"),
    ("provider/sending.rs Tests", "the definition's own words"),
    ("provider/definition.rs Carried", "the definition's own words"),
    ("provider/definition.rs Setup", "the definition's own words"),
    ("provider/definition.rs Scheme", "the definition's own words"),
    ("provider/definition.rs Argument", "the definition's own words"),
    ("provider/definition.rs Tables", "the definition's own words"),
    ("provider/definition.rs Row", "the definition's own words"),
    ("provider/hook/spec.rs Hook", "the definition's own words"),
    ("provider/hook/spec.rs Poll", "the definition's own words"),
    ("provider/hook/spec.rs Items", "the definition's own words"),
    ("provider/hook/spec.rs Handshake", "the definition's own words"),
    ("provider/hook/spec.rs Reply", "the definition's own words"),
    ("provider/hook/spec.rs ReplyBody", "the definition's own words"),
    ("provider/hook/spec.rs Is", "the definition's own words"),
    ("provider/hook/spec.rs Media", "the definition's own words"),
    ("provider/hook/spec.rs MediaFound", "the definition's own words"),
    ("provider/moment.rs Format", "the definition's own words"),
    ("provider/proof/jwt.rs Keys", "names of claims and issuers; keys are secrets"),
    ("provider/proof/jwt.rs Jwt", "names of claims and issuers; keys are secrets"),
    ("provider/proof/keys.rs PublicKey", "public keys"),
    ("provider/proof/mod.rs Wish", "addresses and keys that are public"),
    ("provider/proof/mod.rs Fetched", "addresses and keys that are public"),
    ("provider/proof/secrets.rs Place", "names of fields; keys are secrets"),
    ("provider/proof/secrets.rs Carried", "names of fields; keys are secrets"),
    ("provider/proof/signed.rs Piece", "the definition's own words"),
    ("provider/proof/signed.rs Shape", "the definition's own words"),
    ("provider/proof/sns.rs Sns", "names of topics"),
    ("provider/prove.rs Proofs", "names of hooks"),
    ("provider/read/desk.rs Wrong", "the definition's own words"),
    ("provider/read/desk.rs Desk", "the definition's own words"),
    ("provider/read/desk.rs Section", "the definition's own words"),
    ("provider/settings.rs Settings", "names of settings; values show nothing"),
    ("provider/settings.rs Unfit", "names of settings; values show nothing"),
    ("provider/sign/aws.rs SigV4", "region, service, the name of a key"),
    ("provider/sign/pieces.rs Pieces", "the definition's own words"),
    ("provider/source.rs Kind", "the definition's own words"),
    ("provider/source.rs Step", "the definition's own words"),
    ("provider/source.rs XmlPath", "the definition's own words"),
    ("provider/template/filter.rs Filter", "the definition's own words"),
    ("provider/template/mod.rs Piece", "the definition's own words"),
    ("provider/template/mod.rs Name", "the definition's own words"),
    ("mail/media.rs MediaType", "a type such as image/jpeg"),
    ("mail/media.rs Pattern", "a type such as image/jpeg"),
    ("gateway/provider/media.rs Miss", "why, without the address"),
    ("store/media.rs Piecemeal", "why, without the address"),
    ("gateway/modem/dialogue/task.rs Task", "names of memories, and a code such as *100#"),
    ("cli/provider.rs Show", "the name of a definition"),
    ("cli/provider.rs New", "the names of a definition and of a gateway"),
    ("accounts/mod.rs Row", "a folder's name"),
    ("accounts/wording.rs Wording", "a placeholder and templates"),
    ("address/helper.rs Helper", "mail addresses of who may use it"),
    ("address/resolve.rs Domains", "our domains"),
    ("address/uri.rs AddressError", "names of parameters"),
    ("app/mod.rs StartError", "the administrator's own words"),
    ("cli/text.rs Args", "an account's name, as it was typed"),
    ("config/account.rs Account", "description"),
    ("config/error.rs Error", "the administrator's own words"),
    ("config/errands.rs Errands", "a search path, names of statements"),
    ("errand/mod.rs Settings", "a search path"),
    ("errand/sql.rs Database", "its name; its URL is a secret"),
    ("errand/sql.rs Prepared", "the administrator's own words"),
    ("config/folders.rs Folders", "a host"),
    ("inbound/routes.rs Goal", "a folder's name"),
    ("inbound/routes.rs Route", "patterns and a number of ours"),
    ("mailbox/imap/mod.rs Settings", "a host and a domain"),
    ("mailbox/imap/mod.rs User", "the login's form"),
    ("mailbox/imap/name.rs Hierarchy", "prefixes of folders"),
    ("config/flow.rs Inbound", "domains, and templates"),
    ("config/gateway.rs Gateway", "description"),
    ("config/gateway/http.rs Http", "names of headers"),
    ("config/gateway.rs PhoneFrom", "an address pattern"),
    ("config/http.rs Http", "hosts"),
    ("config/listener.rs Listener", "hosts"),
    ("config/mod.rs Config", "domains"),
    ("config/sms.rs Sms", "prefixes, and a template"),
    ("doors/http/mod.rs Settings", "hosts"),
    ("cli/doctor/mod.rs Finding", "our own words"),
    ("cli/man.rs Args", "names of commands"),
    ("config/listener.rs Control", "a group"),
    ("doors/bind.rs Bind", "a group"),
    ("doors/bind.rs BindError", "a group"),
    ("doors/control/mod.rs Reloaded", "names of tables"),
    ("doors/control/peer.rs Admin", "a user of this machine"),
    ("doors/control/words.rs Trouble", "our own words"),
    ("gateway/inbox.rs Notice", "words of ours"),
    ("gateway/modem/balance.rs Balance", "a code such as *100#"),
    ("gateway/modem/dialogue/receive.rs Kept", "names of memories"),
    ("gateway/modem/dialogue/receive.rs Place", "names of memories"),
    ("gateway/modem/sim/script.rs Act", "the words of a script"),
    ("gateway/modem/sim/script.rs Rule", "the words of a script"),
    ("gateway/http/redact.rs Redactions", "beside each secret, what stands for it"),
    ("gateway/http/template.rs Field", "a fixed word of the grammar"),
    ("gateway/http/template.rs Step", "a fixed word of the grammar"),
    ("gateway/http/template.rs TemplateError", "words of ours"),
    ("gateway/mod.rs StartError", "the administrator's own words"),
    ("ground/outcome.rs RemoteId", "the network's id of a text"),
    ("inbound/mod.rs Settings", "domains, and templates"),
    ("outbound/shape.rs Style", "a placeholder and templates"),
    ("mail/received.rs Comment", "Received lines: hosts and logins; never leaves its file"),
    ("mail/received.rs Line", "Received lines: hosts and logins; never leaves its file"),
    ("mail/received.rs Rule", "hosts"),
    ("mail/received.rs Token", "Received lines: hosts and logins; never leaves its file"),
    ("mail/template.rs Piece", "a template's own words"),
    ("mail/template.rs TemplateError", "a template's own words"),
    ("mail/addresses.rs Token", "words of one header field, in tests alone"),
    ("mail/auth_results.rs One", "what the border's own MTA found, and logins"),
    ("mail/auth_results.rs Results", "the border's own MTA"),
    ("mail/auth_results.rs Rule", "a host"),
    ("mail/auth_results.rs Token", "words of one header field of the border's own MTA"),
    ("mail/words.rs BadTemplate", "words of ours"),
    ("mailbox/mod.rs Broken", "words of ours"),
    ("mailbox/mod.rs Settings", "a host"),
    ("mailbox/mod.rs Url", "a host"),
    ("address/trace.rs Node", "names of hosts"),
    ("address/trace.rs Trace", "names of hosts"),
    ("mailbox/login.rs Login", "our own name at the mail server"),
    ("mailbox/starttls.rs Ask", "EHLO and STARTTLS"),
    ("gateway/http/line.rs Unusable", "the administrator's own words"),
    ("gateway/inbox.rs Part", "a provider's name of an event"),
    ("store/settle.rs Part", "a provider's name of an event"),
    ("config/gateway/provider.rs Base", "a public address"),
    ("config/gateway/provider.rs HookPath", "a public path, without its secret"),
    ("config/gateway/provider.rs HookAt", "a public path, without its secret"),
    ("doors/http/hooks.rs Table", "public paths, without their secrets"),
    ("observe/log.rs Request", "a host"),
    ("routing/area.rs Area", "the administrator's own beginnings of numbers"),
    ("routing/area.rs Costs", "the administrator's own beginnings of numbers"),
    ("routing/route.rs Piece", "the administrator's own words"),
    ("routing/route.rs BadRewrite", "words of ours"),
    ("inbound/opting.rs Settings", "the administrator's own words"),
    ("routing/class.rs Class", "a name of the administrator's"),
    ("sms/keyword/mod.rs Words", "the administrator's own words"),
    ("observe/metrics.rs Changes", "words of ours"),
    ("observe/metrics.rs OfGateway", "words of ours, the network's name"),
    ("observe/metrics.rs Errands", "words of ours"),
    ("rules/action.rs Question", "the title of a rule; what it asks shows no values"),
    ("observe/metrics.rs Attempts", "words of ours"),
    ("observe/metrics.rs Door", "words of ours"),
    ("observe/metrics.rs Kind", "words of ours"),
    ("outbound/door.rs Evidence", "a host"),
    ("outbound/door.rs Listener", "hosts"),
    ("outbound/mod.rs Settings", "a host, and a placeholder"),
    ("report/mod.rs Settings", "a host"),
    ("smtp/envelope.rs Dsn", "ENVID, the sender's id of his mail"),
    ("smtp/envelope.rs XForward", "hosts"),
    ("smtp/step.rs Settings", "a host"),
    ("smtp/xclient.rs XClient", "a login"),
    ("cli/rules.rs Export", "the administrator's own words"),
    ("cli/rules.rs Import", "the administrator's own words"),
    ("cli/rules/order.rs Show", "the administrator's own words"),
    ("cli/rules/order.rs Move", "the administrator's own words"),
    ("cli/rules/test.rs Test", "the administrator's own words"),
    ("rules/action.rs Action", "the administrator's own words"),
    ("rules/action.rs Place", "the administrator's own words"),
    ("rules/field.rs Field", "the administrator's own words"),
    ("rules/condition.rs Op", "the administrator's own words"),
    ("rules/condition.rs Test", "the administrator's own words"),
    ("rules/read.rs Rule", "the administrator's own words"),
    ("rules/read.rs RuleError", "the administrator's own words"),
    ("rules/read.rs Source", "the administrator's own words"),
    ("rules/template.rs Piece", "the administrator's own words"),
    ("rules/template.rs Template", "the administrator's own words"),
    ("rules/template.rs Variable", "the administrator's own words"),
    ("rules/trace.rs Looked", "the administrator's own words"),
    ("rules/tree.rs Entry", "the administrator's own words"),
    ("rules/tree.rs Misfit", "the administrator's own words"),
    ("rules/tree.rs Value", "the administrator's own words"),
    ("store/item.rs SegmentRow", "the network's id of a text"),
    ("store/mod.rs Down", "the database's words about itself"),
    ("store/sqlite/fair.rs Flow", "an account's name or a mailbox, in memory only"),
];

fn derived() {
    let mut found = Vec::new();
    scan(&root().join("src"), &mut found);
    assert!(found.len() > 30, "the search finds nothing any more: {found:?}");
    let may = |name: &String| MAY.iter().any(|(known, why)| known == name && !why.is_empty());
    let bold: Vec<_> = found.iter().filter(|name| !may(name)).collect();
    assert!(bold.is_empty(), "derive no Debug here, or say in MAY why it may be: {bold:?}");
    let gone: Vec<_> = MAY.iter().filter(|(known, _)| !found.iter().any(|name| name == known)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
    assert_eq!(
        bold_types("#[derive(Debug)]\npub struct A {\n    /// A String.\n    n: u8,\n    w: Vec<String>,\n}\n"),
        ["A"]
    );
    assert!(
        bold_types("#[derive(Clone)]\nstruct A(String);\n#[derive(Debug)]\nstruct B(Secret<String>);\n").is_empty()
    );
}

fn scan(folder: &File, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            scan(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
            found.extend(bold_types(&text).into_iter().map(|t| format!("{name} {t}")));
        }
    }
}

/// Types that derive `Debug` and have a field of words or octets.
fn bold_types(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let derive = line.trim();
        if !derive.starts_with("#[derive(") || !derive.contains("Debug") {
            continue;
        }
        let Some(head) = lines[n + 1..].iter().position(|l| !l.trim().starts_with("#[")) else { continue };
        let first = n + 1 + head;
        let indent = lines[first].len() - lines[first].trim_start().len();
        let closes = |l: &str| l.len() > indent && l[indent..].starts_with('}');
        let short = lines[first].trim_end().ends_with([';', '}']);
        let behind = lines[first..].iter().position(|l| closes(l)).unwrap_or(0);
        let last = if short { first } else { first + behind };
        let body = lines[first..=last].iter().map(|l| l.split("//").next().unwrap_or_default());
        let mut body = body.collect::<Vec<_>>().join("\n");
        for hidden in ["Secret<String>", "Secret<Vec<u8>>", "&'static str"] {
            body = body.replace(hidden, "");
        }
        let words = body.split(|c: char| !c.is_alphanumeric() && c != '_').collect::<Vec<_>>();
        let bold =
            words.contains(&"String") || words.contains(&"str") || body.contains("Vec<u8>") || body.contains("[u8]");
        let name = words.iter().skip_while(|w| !matches!(**w, "struct" | "enum")).nth(1);
        if let (true, Some(name)) = (bold, name) {
            found.push((*name).to_owned());
        }
    }
    found
}
