//! Two Martlets: the left one has the users, the right one has the phone. Texts go by `/sms/` of the right one, and what the
//! phone answers comes by a route of the right one that calls the left one's hook.

use std::{
    io::Read,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use libtest_mimic::Trial;

use super::{ALICE, PHONE, Relay, header, text};
use crate::{
    provider_gateway::call,
    support::{
        martlet::Martlet,
        process::{Scratch, free_port},
        sink::{MailSink, Provider},
        trial,
    },
};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("relays: another Martlet takes a text and brings the answer", both_ways),
        trial("relays: a text of which nobody knows whether another Martlet has it is sent once", once),
    ]
}

const SECRET: &str = "pin-of-the-left-one";

/// The one with the phone; its provider is a sink.
struct Right {
    martlet: Martlet,
    provider: Provider,
    mails: MailSink,
    _scratch: Scratch,
}

impl Right {
    /// `left`: where the other one listens.
    fn start(http: u16, left: u16) -> Self {
        let (scratch, mails, provider) = (Scratch::new(), MailSink::smtp(), Provider::willing());
        let config = format!(
            r#"
data_dir = "./data"
domains = ["sms.right.test"]
hostname = "sms.right.test"
[http]
bind = "127.0.0.1:{http}"
[mailbox]
url = "smtp://127.0.0.1:{}"
postmaster = "postmaster@right.test"
[inbound]
default = "inbox@right.test"
call_log = false
[sms]
region = "US"
[[gateway]]
id = "main"
type = "http"
url = "http://127.0.0.1:{}/main?to=%number%&text=%data%"
password = "pin"
[[account]]
user = "peer"
password = "peer-pw"
[[inbound_route]]
url = "http://127.0.0.1:{left}/gateway/relay/hook/deliver?pass={SECRET}&number=%%originator%%&data=%%body%%"
"#,
            mails.port, provider.port
        );
        let martlet = Martlet::start(&scratch.dir("martlet"), &config, &[]);
        Self { martlet, provider, mails, _scratch: scratch }
    }
}

fn left(http: u16, right: u16) -> Relay {
    let gateway = format!(
        "provider = \"martlet\"\n[gateway.settings]\nbase_url = \"http://127.0.0.1:{right}\"\nuser = \"peer\"\n\
         password = \"peer-pw\"\nhook_key = \"{SECRET}\"\n"
    );
    Relay::start(http, free_port(), &gateway)
}

fn both_ways() {
    let (a, b) = (free_port(), free_port());
    let (left, right) = (left(a, b), Right::start(b, a));
    let id = left.send("first", "Dinner at eight? é");
    let taken = right.provider.seen.wait("the text", |_| true);
    assert_eq!((taken.value("to"), taken.value("text")), (PHONE, "Dinner at eight? é"));
    left.comes_to(&id, "relayed");
    let (status, body) = right.martlet.phone("GET", PHONE, "Yes, gladly & at once").expect("a call");
    assert!(status == 200 && body.starts_with("OK"), "{status} {body}");
    let answer = left.mail_with("Yes, gladly");
    assert_eq!(text(&answer).trim(), "Yes, gladly & at once");
    assert!(answer.rcpt.iter().any(|to| to.contains(ALICE)), "{:?}", answer.rcpt);
    assert_eq!(header(&answer, "In-Reply-To"), "<first@example.test>");
    // A text that went through the left one comes back to it: its trace says so.
    let trace = taken.header("X-Martlet-Trace");
    let target = format!("/gateway/relay/hook/deliver?pass={SECRET}&number=%2B12015550123&data=round");
    assert_eq!(call(a, "GET", &target, &[("X-Martlet-Trace", trace)], "").0, 400, "{trace}");
    right.martlet.settled();
    left.martlet.settled();
    assert_eq!((right.provider.seen.len(), left.mails.seen.len()), (1, 1));
    assert!(right.mails.seen.all().is_empty(), "the right one has no mailbox of it");
    assert!(!left.martlet.log().contains(SECRET), "the secret of the address is in the log");
}

/// The answer to the first call is lost: the right one knows the id when it comes again.
fn once() {
    let (a, b) = (free_port(), free_port());
    let (wire, lost) = losing(b);
    let (left, right) = (left(a, wire), Right::start(b, a));
    let id = left.send("first", "only once");
    right.provider.seen.wait("the text", |taken| taken.value("text") == "only once");
    left.comes_to(&id, "relayed");
    right.martlet.settled();
    assert_eq!(lost.load(Ordering::SeqCst), 1, "an answer was lost");
    assert_eq!(right.provider.seen.len(), 1);
}

/// A wire before `to` that loses the answer on its first connection; how many were lost.
fn losing(to: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let lost = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lost);
    std::thread::spawn(move || {
        for (n, client) in listener.incoming().flatten().enumerate() {
            let count = Arc::clone(&count);
            std::thread::spawn(move || pass_on(&client, to, (n == 0).then_some(&*count)));
        }
    });
    (port, lost)
}

fn pass_on(client: &TcpStream, to: u16, lost: Option<&AtomicUsize>) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", to))?;
    let (mut up_from, mut up_to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut up_from, &mut up_to));
    let (mut from, mut back) = (server, client);
    if let Some(lost) = lost {
        // The whole answer was made: the text is stored over there.
        let n = from.read(&mut [0; 4096])?;
        lost.fetch_add(usize::from(n > 0), Ordering::SeqCst);
    } else {
        std::io::copy(&mut from, &mut back)?;
    }
    client.shutdown(Shutdown::Both)
}
