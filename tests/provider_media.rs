//! Pictures that phones send, through the real daemon: from a provider's call to the attachments of a mail. They stand on HTTP
//! servers of the test's own, which also do what servers should not.

mod beyond;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::{
    provider_gateway::{PHONE, SID, World, app_calls, smsgate_settings},
    support::{
        Needs, letter,
        process::until,
        run_async,
        sink::{Provider, Seen, Taken},
        trial, trial_with,
    },
};

pub fn trials() -> Vec<Trial> {
    let own = vec![
        trial_with("media: two pictures of a call of Twilio's", &[Needs::Signers], twilio),
        trial_with("media: what cannot be fetched is named in the mail", &[Needs::Signers], misses),
        trial_with("media: a server that takes for ever", &[Needs::Signers], slow),
        trial_with("media: a crash between the answer and the pictures", &[Needs::Signers], crash),
        trial("media: pictures within the call", inline),
        trial("media: a mail server that takes no mail of this size gets the words", too_large),
        trial("media: what a rule keeps back is kept with its pictures", quarantined),
    ];
    own.into_iter().chain(beyond::trials()).collect()
}

/// What was asked for: path and login.
type Asked = (String, String);

/// A server of pictures. Its threads end with the test's process.
struct Pictures {
    port: u16,
    seen: Seen<Asked>,
}

impl Pictures {
    /// `answer` writes what it likes to who asks for a path.
    fn start(answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, answer) = (Seen::new(), Arc::new(answer));
        let list = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (list, answer) = (list.clone(), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &list, &*answer));
            }
        });
        Self { port, seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self, path: &str) -> Vec<String> {
        self.seen.all().into_iter().filter(|(asked, _)| asked == path).map(|(_, login)| login).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    seen: &Seen<Asked>,
    answer: &dyn Fn(&str, &mut TcpStream) -> std::io::Result<()>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut login = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            login = value.trim().to_owned();
        }
    }
    seen.add((path.clone(), login));
    answer(&path, &mut stream).ok()
}

fn say(stream: &mut TcpStream, status: u16, head: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\n{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

/// Says nothing until the other side goes.
fn hold(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}

/// Octets of every kind, lines of a mail among them.
fn picture(first: &[u8], size: usize) -> Vec<u8> {
    let rest = (0..=255u8).cycle().zip(b"\r\n.\r\n--=_".iter().cycle()).map(|(n, b)| n ^ b);
    first.iter().copied().chain(rest).take(size).collect()
}

const JPEG: &[u8] = b"\xff\xd8\xff\xe0";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

fn kind(kind: &str) -> String {
    format!("Content-Type: {kind}\r\n")
}

/// Twilio, with texts at one server and media at another.
fn world(texts: u16, media: &str) -> World {
    let api = format!("http://127.0.0.1:{texts}");
    let hosts = ("hosts = [\"api.twilio.com\"]", "hosts = [\"127.0.0.1\", \"169.254.169.254\", \"localhost\"]");
    let more = format!(
        "settings = {{ account_sid = \"{SID}\", auth_token = {{ env = \"PROVIDER_SECRET\" }} }}\n[media]\n{media}\n"
    );
    World::start("twilio", &[("https://api.twilio.com", &api), hosts], &more)
}

/// A call that names these pictures.
fn sent(world: &World, id: &str, words: &str, media: &[(&str, &str)]) -> u16 {
    let count = media.len().to_string();
    let mut form =
        vec![("MessageSid", id), ("From", PHONE), ("To", "+12025550100"), ("Body", words), ("NumMedia", &count)];
    let names: Vec<(String, String)> =
        (0..media.len()).map(|n| (format!("MediaUrl{n}"), format!("MediaContentType{n}"))).collect();
    for ((url, kind), (url_name, kind_name)) in media.iter().zip(&names) {
        form.extend([(url_name.as_str(), *url), (kind_name.as_str(), *kind)]);
    }
    world.twilio("/gateway/main/hook/inbound", &form).0
}

/// The words and the files of a mail: name, type, octets.
fn opened(mail: &Taken) -> (String, Vec<(String, String, Vec<u8>)>) {
    let mail = MessageParser::default().parse(&mail.data).expect("a mail");
    let words = mail.body_text(0).expect("words").into_owned();
    let files = mail.attachments().map(|part| {
        let kind = part.content_type().expect("a type");
        assert!(part.content_disposition().is_some_and(|d| d.is_attachment()), "an attachment");
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
        (part.attachment_name().unwrap_or_default().to_owned(), kind, part.contents().to_vec())
    });
    (words, files.collect())
}

/// These files and no others; octets are not for a screen.
fn compare(files: &[(String, String, Vec<u8>)], wanted: &[(&str, &str, &[u8])]) {
    let names: Vec<_> = files.iter().map(|(name, kind, data)| (name.as_str(), kind.as_str(), data.len())).collect();
    let expected: Vec<_> = wanted.iter().map(|(name, kind, data)| (*name, *kind, data.len())).collect();
    assert_eq!(names, expected);
    for ((name, _, data), (_, _, octets)) in files.iter().zip(wanted) {
        assert!(data == octets, "the octets of {name}");
    }
}

/// The mail with these words, and that there is one of them.
fn mail(world: &World, words: &str) -> Taken {
    let fits = |mail: &Taken| opened(mail).0.contains(words);
    let mail = world.mails.seen.wait(&format!("a mail with {words}"), fits);
    world.martlet.settled();
    let ids: std::collections::BTreeSet<_> = world
        .mails
        .seen
        .all()
        .iter()
        .filter(|mail| fits(mail))
        .map(|mail| letter::header(&String::from_utf8_lossy(&mail.data), "Message-ID"))
        .collect();
    assert_eq!(ids.len(), 1, "one message");
    mail
}

fn twilio() {
    let (one, two) = (picture(JPEG, 50_000), picture(PNG, 3_001));
    let (jpeg, png) = (one.clone(), two.clone());
    let elsewhere = Pictures::start(move |_, stream| {
        let head = kind("image/png") + "Content-Disposition: attachment; filename=\"../cat.png\"\r\n";
        say(stream, 200, &head, &png)
    });
    let away = elsewhere.url("/far");
    let tries = AtomicUsize::new(0);
    let pictures = Pictures::start(move |path, stream| match path {
        // It is not there at once, and then of no type.
        "/ME0" if tries.fetch_add(1, Ordering::SeqCst) == 0 => say(stream, 404, "", b"not yet"),
        "/ME0" => say(stream, 200, &kind("binary/octet-stream"), &jpeg),
        _ => say(stream, 307, &format!("Location: {away}\r\n"), b""),
    });
    let provider = Provider::willing();
    let world = world(provider.port, "networks = [\"127.0.0.0/8\"]");
    let media = [(pictures.url("/ME0"), "image/jpeg"), (pictures.url("/ME1"), "image/png")];
    let media: Vec<(&str, &str)> = media.iter().map(|(url, kind)| (url.as_str(), *kind)).collect();
    assert_eq!(sent(&world, "MM1", "Look at that", &media), 200);
    // The provider has not heard the answer.
    assert_eq!(sent(&world, "MM1", "Look at that", &media), 200);
    let mail = mail(&world, "Look at that");
    let (words, files) = opened(&mail);
    assert_eq!(words.trim(), "Look at that");
    compare(&files, &[("picture-1.jpg", "image/jpeg", &one), ("cat.png", "image/png", &two)]);
    let login = format!("Basic {}", STANDARD.encode(format!("{SID}:s3cret-t0ken")));
    assert_eq!(pictures.asked("/ME0"), [login.clone(), login.clone()]);
    assert_eq!(pictures.asked("/ME1"), [login]);
    assert_eq!(elsewhere.asked("/far"), [""], "the login goes to nobody else");
    // A picture without words is no empty text.
    assert_eq!(sent(&world, "MM2", "", &media[..1]), 200);
    let of_two = |mail: &Taken| opened(mail).0.trim().is_empty();
    let second = world.mails.seen.wait("the second", of_two);
    assert_eq!(opened(&second).1.len(), 1);
    assert_eq!(letter::header(&String::from_utf8_lossy(&second.data), "Subject").as_deref(), Some("Picture"));
    world.is_discreet();
    assert!(!world.martlet.log().contains("/ME"), "addresses are no words for the log");
}

fn misses() {
    let odd = Pictures::start(|path, stream| match path.split('?').next().unwrap_or_default() {
        "/metadata" => say(stream, 302, "Location: http://169.254.169.254/latest/meta-data/\r\n", b""),
        "/file" => say(stream, 302, "Location: file:///etc/passwd\r\n", b""),
        "/round" => say(stream, 302, "Location: /round\r\n", b""),
        "/endless" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n\xff\xd8\xff")?;
            loop {
                stream.write_all(&[7; 4_096])?;
            }
        }
        "/large" => say(stream, 200, &kind("image/jpeg"), &picture(JPEG, 200_000)),
        "/page" => say(stream, 200, &kind("text/html; charset=utf-8"), b"<script>alert(1)</script>"),
        _ => say(stream, 404, "", b"nothing here"),
    });
    let provider = Provider::willing();
    let world = world(provider.port, "networks = [\"127.0.0.0/8\"]\nmax_piece = \"100KiB\"");
    let paths = ["/metadata", "/file", "/round", "/endless", "/large", "/page", "/gone"];
    let mut media = vec!["http://169.254.169.254/latest/meta-data/".to_owned(), "https://169.254.169.254/".to_owned()];
    media.extend(paths.iter().map(|path| odd.url(path)));
    let named = |urls: &[String], id, words| {
        let media: Vec<(&str, &str)> = urls.iter().map(|url| (url.as_str(), "image/jpeg")).collect();
        assert_eq!(sent(&world, id, words, &media), 200);
        opened(&mail(&world, words))
    };
    let (words, files) = named(&media, "MM1", "All that went wrong");
    compare(&files, &[]);
    let mut rest = words.split("[This picture did not arrive: ").skip(1);
    for (why, place) in [
        ("its address is not a public one.]", None),
        ("its address is not a public one.]", None),
        ("its address is not a public one.]", None),
        ("its address is not https.]", None),
        ("the server sent us on and on.]", None),
        ("it is larger than 102400 octets (<", Some("/endless")),
        ("it is larger than 102400 octets (<", Some("/large")),
        ("its type text/html is not taken (<", Some("/page")),
        ("the server answered 404, 3 times (<", Some("/gone")),
    ] {
        let line = rest.next().unwrap_or_else(|| panic!("no line for {why}: {words}"));
        // A long address is wrapped by nobody, but the words before it may be.
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(line.starts_with(why), "{line}: {why}");
        match place {
            Some(path) => assert!(line.contains(&format!("<{}>", odd.url(path))), "{line}"),
            None => assert!(!line.contains("://"), "no address that may not be asked: {line}"),
        }
    }
    assert_eq!(rest.next(), None);
    assert_eq!(odd.asked("/round").len(), 4, "once, and sent on three times");

    // Eleven are one too many, and hosts that the definition does not name are not asked.
    let mut many = vec!["https://pictures.example.net/1.jpg".to_owned()];
    many.extend((1..11).map(|n| odd.url(&format!("/page?{n}"))));
    let (words, _) = named(&many, "MM2", "Eleven pictures");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    for why in [
        "[This picture did not arrive: its address is not at a host of the provider.]",
        "[This picture did not arrive: its type text/html is not taken",
        "[This attachment did not arrive: it is one more, and 10 are taken at most.]",
    ] {
        assert!(words.contains(why), "{words}: {why}");
    }
    world.is_discreet();
}

fn slow() {
    let slow = Pictures::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n\xff")?;
        hold(stream)
    });
    let provider = Provider::willing();
    let world = world(provider.port, "networks = [\"127.0.0.0/8\"]\ntimeout = \"500ms\"\nwait = \"2s\"");
    // A server that never ends its answer, and one without a certificate.
    let media = [slow.url("/slow"), format!("https://localhost:{}/one", slow.port)];
    let pieces: Vec<(&str, &str)> = media.iter().map(|url| (url.as_str(), "image/jpeg")).collect();
    assert_eq!(sent(&world, "MM1", "No end of it", &pieces), 200);
    let (words, files) = opened(&mail(&world, "No end of it"));
    compare(&files, &[]);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words.matches("[This picture did not arrive: ").count(), 2, "{words}");
    for url in &media {
        assert!(words.contains(&format!("(<{url}>).]")), "{words}");
    }
}

fn crash() {
    let open = Arc::new(AtomicBool::new(false));
    let (gate, one) = (Arc::clone(&open), picture(JPEG, 5_000));
    let data = one.clone();
    let pictures = Pictures::start(move |_, stream| {
        if gate.load(Ordering::SeqCst) { say(stream, 200, &kind("image/jpeg"), &data) } else { hold(stream) }
    });
    let provider = Provider::willing();
    let mut world = world(provider.port, "networks = [\"127.0.0.0/8\"]");
    let media = pictures.url("/held");
    assert_eq!(sent(&world, "MM1", "It waits", &[(&media, "image/jpeg")]), 200, "answered before anything is fetched");
    pictures.seen.wait("the first request", |_| true);
    // Who writes without pictures waits for nobody.
    assert_eq!(sent(&world, "MM2", "No pictures", &[]), 200);
    compare(&opened(&mail_of(&world, "No pictures")).1, &[]);
    assert!(!world.mails.seen.all().iter().any(|mail| opened(mail).0.contains("It waits")));
    world.martlet.kill();
    open.store(true, Ordering::SeqCst);
    world.martlet.restart();
    let (words, files) = opened(&mail(&world, "It waits"));
    assert_eq!(words.trim(), "It waits");
    compare(&files, &[("picture-1.jpg", "image/jpeg", &one)]);
    // The provider did not hear the answer and calls again: nothing comes of it.
    let before = pictures.seen.len();
    assert_eq!(sent(&world, "MM1", "It waits", &[(&media, "image/jpeg")]), 200);
    assert_eq!(sent(&world, "MM3", "The last", &[]), 200);
    mail(&world, "The last");
    mail(&world, "It waits");
    assert_eq!(pictures.seen.len(), before, "nobody asks for it again");
}

/// As [`mail`], while something else waits.
fn mail_of(world: &World, words: &str) -> Taken {
    world.mails.seen.wait(&format!("a mail with {words}"), |mail| opened(mail).0.contains(words))
}

fn inline() {
    let provider = Provider::willing();
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    // The whole call is larger than others may be.
    let (one, note) = (picture(JPEG, 900_000), "Grüße, ein Brief");
    let file = |kind: &str, name: &str, data: &[u8]| json!({ "contentType": kind, "name": name, "data": STANDARD.encode(data) });
    let body = json!({ "id": "E1", "event": "mms:downloaded", "payload": {
        "messageId": "m1", "sender": PHONE, "subject": "Cat", "body": "Look",
        "attachments": [
            file("application/smil", "layout.smil", b"<smil/>"),
            file("image/jpeg", "Kätzchen.jpg", &one),
            file("text/plain", "note", note.as_bytes()),
            file("application/x-msdownload", "setup.exe", b"MZ"),
        ],
    } });
    // The app comes again after 503, and when it has not heard the answer.
    let taken = || {
        let status = app_calls(&world, &body).0;
        assert!(matches!(status, 204 | 503), "{status}");
        (status == 204).then_some(())
    };
    until("the call is taken", taken);
    until("and again", taken);
    let (words, files) = opened(&mail(&world, "Look"));
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words, "Cat Look [This attachment did not arrive: its type application/x-msdownload is not taken.]");
    compare(&files, &[("Kätzchen.jpg", "image/jpeg", &one), ("note.txt", "text/plain", note.as_bytes())]);
    world.is_discreet();
}

fn too_large() {
    let provider = Provider::willing();
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    world.mails.most.store(20_000, Ordering::SeqCst);
    let cat = picture(JPEG, 1_500_000);
    let data = STANDARD.encode(&cat);
    let body = json!({ "id": "E1", "event": "mms:downloaded", "payload": {
        "messageId": "m1", "sender": PHONE, "body": "Words at least",
        "attachments": [{ "contentType": "image/jpeg", "name": "cat.jpg", "data": data }],
    } });
    until("the call is taken", || (app_calls(&world, &body).0 == 204).then_some(()));
    let mail = mail(&world, "Words at least");
    let (words, files) = opened(&mail);
    compare(&files, &[]);
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words, "Words at least [cat.jpg did not arrive: the mail server takes no mail of this size.]");
    assert_eq!(world.mails.refused.load(Ordering::SeqCst), 1);
    // The whole is kept.
    let kept = dead_letters(&world);
    let [letter] = &kept[..] else { panic!("{} dead letters", kept.len()) };
    let (words, files) = opened(letter);
    assert_eq!(words.trim(), "Words at least");
    compare(&files, &[("cat.jpg", "image/jpeg", &cat)]);
    world.is_discreet();
}

/// A rule keeps a text with a picture back: both are kept.
fn quarantined() {
    let provider = Provider::willing();
    let world = World::start("smsgate", &[], &smsgate_settings(provider.port));
    let rules = world.martlet.config.with_file_name("rules");
    std::fs::create_dir_all(&rules).expect("a folder");
    let rule = "[[rule]]\ntitle = \"kept\"\ndirection = \"in\"\ndo = [ { quarantine = true } ]\n";
    std::fs::write(rules.join("10.toml"), rule).expect("written");
    world.martlet.json(&["reload"]);
    let cat = picture(JPEG, 1_500_000);
    let body = json!({ "id": "E1", "event": "mms:downloaded", "payload": {
        "messageId": "m1", "sender": PHONE, "body": "Look at this",
        "attachments": [{ "contentType": "image/jpeg", "name": "cat.jpg", "data": STANDARD.encode(&cat) }],
    } });
    until("the call is taken", || (app_calls(&world, &body).0 == 204).then_some(()));
    let kept = until("the dead letter", || Some(dead_letters(&world)).filter(|kept| !kept.is_empty()));
    let (words, files) = opened(&kept[0]);
    assert_eq!(words.trim(), "Look at this");
    compare(&files, &[("cat.jpg", "image/jpeg", &cat)]);
    assert!(world.mails.seen.all().is_empty());
    world.is_discreet();
}

/// What is kept of mails that arrived nowhere, as if they had.
fn dead_letters(world: &World) -> Vec<Taken> {
    let path = world.martlet.config.with_file_name("data").join("martlet.db");
    let rows: Vec<Vec<u8>> = run_async(async move {
        let mut store =
            SqliteConnection::connect(&format!("sqlite:{}?mode=ro", path.display())).await.expect("the store");
        sqlx::query_scalar("SELECT data FROM dead").fetch_all(&mut store).await.expect("dead letters")
    });
    let taken = |data| Taken { mail: String::new(), rcpt: Vec::new(), before: Vec::new(), data };
    rows.into_iter().map(taken).collect()
}
