//! How long a megabyte of anything takes to become a text, and how much memory: `cargo bench --bench mail [NAME]`.
//!
//! Each shape is read in a process of its own, so that its peak (`VmHWM` of /proc/self/status) is its own; time is the
//! processor time of the process, the median of several readings: mail → words → tidied → transliterated → cut to three segments, as the mail door does it.
#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    time::Duration,
};

use martlet::{
    address::Params,
    mail::{self, Choices},
    outbound::Style,
};

const SIZE: usize = 1 << 20;
const READINGS: usize = 9;
/// What the project promises for a megabyte of anything.
const MOST_TIME: Duration = Duration::from_millis(50);
const MOST_MEMORY: u64 = 32 * 1024;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if args.first().is_some_and(|arg| arg == "--read") {
        return child();
    }
    let (mut worst, mut broken) = ((Duration::ZERO, 0), false);
    println!("{:<42} {:>9} {:>9}", "1 MiB of", "ms", "MiB");
    for (name, mail) in shapes() {
        if args.first().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let (took, peak) = read_apart(&mail);
        println!("{name:<42} {:>9.1} {:>9.1}", took.as_secs_f64() * 1e3, peak as f64 / 1024.0);
        broken |= took > MOST_TIME || peak > MOST_MEMORY;
        worst = (worst.0.max(took), worst.1.max(peak));
    }
    println!("{:<42} {:>9.1} {:>9.1}", "worst", worst.0.as_secs_f64() * 1e3, worst.1 as f64 / 1024.0);
    assert!(!broken, "more than 50 ms or 32 MiB");
}

/// Median time and peak memory in KiB of one process that reads this mail.
fn read_apart(mail: &[u8]) -> (Duration, u64) {
    let own = std::env::current_exe().expect("this program");
    let mut child =
        Command::new(own).arg("--read").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child");
    child.stdin.take().expect("its input").write_all(mail).expect("the mail is read");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("figures");
    let mut figures = said.split_whitespace().map(|figure| figure.parse::<u64>().expect("a figure"));
    (Duration::from_micros(figures.next().expect("time")), figures.next().expect("memory"))
}

/// Processor time of this process so far.
fn cpu() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).expect("getrusage");
    let micros = |t: nix::sys::time::TimeVal| t.tv_sec() as u64 * 1_000_000 + t.tv_usec() as u64;
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

fn child() {
    let mut mail = Vec::with_capacity(SIZE + 4096);
    std::io::stdin().read_to_end(&mut mail).expect("the mail");
    let style = Style { choices: Choices { html_links: true, ..Choices::default() }, ..Style::default() };
    let mut times: Vec<Duration> = (0..READINGS)
        .map(|_| {
            let began = cpu();
            let words = mail::read(&mail::open(&mail)).ok().and_then(|mail| style.extract(&mail).ok());
            let shaped = words.map(|words| style.shape_text(&words.text, &Params::default(), 3));
            std::hint::black_box(&shaped);
            cpu() - began
        })
        .collect();
    times.sort();
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    println!("{} {}", times[READINGS / 2].as_micros(), peak.trim().trim_end_matches(" kB"));
}

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let fill = |piece: &str| piece.repeat(SIZE / piece.len());
    let plain = |piece: &str| format!("A: b\r\n\r\n{}", fill(piece));
    let html = |piece: &str| format!("Content-Type: text/html\r\n\r\n{}", fill(piece));
    let mixed = |piece: &str| format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{}", fill(piece));
    let coded = |coding: &str, piece: &str| format!("Content-Transfer-Encoding: {coding}\r\n\r\n{}", fill(piece));
    let numbered = |write: &dyn Fn(&mut String, usize)| {
        let mut all = String::with_capacity(SIZE + 200);
        for n in 0.. {
            write(&mut all, n);
            if all.len() >= SIZE {
                break;
            }
        }
        all
    };
    let deep = numbered(&|all, n| {
        write!(all, "--{n}\r\nContent-Type: multipart/mixed; boundary={}\r\n\r\n", n + 1).expect("written");
    });
    let names = numbered(&|all, n| write!(all, "<x{n:x}>").expect("written"));
    let headers = numbered(&|all, n| write!(all, "X-{n}: y\r\n").expect("written"));
    let people = numbered(&|all, n| write!(all, "\"P, {n}\" <p{n}@example.test>,\r\n ").expect("written"));
    let long_headers: String = (0..16).map(|n| format!("X-{n}: {}\r\n", "y".repeat(65_000))).collect();
    let uu = format!("A: b\r\n\r\nbegin 644 a.bin\r\n{}`\r\nend\r\n", fill(&format!("M{}\r\n", "#".repeat(60))));
    let flowed = |piece: &str| format!("Content-Type: text/plain; format=flowed\r\n\r\n{}", fill(piece));
    [
        ("one letter: what a process takes", "A: b\r\n\r\nx".to_owned()),
        ("words", plain("the quick brown fox jumps over the lazy dog, they say.\r\n")),
        ("one long line", plain("word ")),
        ("lines of one letter", plain("a\r\n")),
        ("empty lines", plain("\r\n")),
        ("bare CR", plain("a\r")),
        ("quotes", plain("> quoted text of somebody\r\n")),
        ("deep quotes", plain(">>>>>>>>>>>>>>>>>>>> a\r\n")),
        ("attributions without an end", plain("On Fri, Nov 20, 2026 at 9:12 x\r\n")),
        ("attributions and quotes", plain("On Fri, Nov 20, 2026 a@b wrote:\r\n> q\r\n")),
        ("attributions of no language", plain("20 a <b@c>:\r\n")),
        ("header blocks", plain("From: x\r\nSent: y\r\n")),
        ("signatures", plain("\r\n--\r\n")),
        ("rules", plain("________\r\n")),
        ("footers", plain("Sent from my iPhone\r\n")),
        ("combining accents", plain("\u{301}")),
        ("flags", plain("🇨🇿")),
        ("families", plain("👨‍👩‍👧")),
        ("typographic quotes", plain("“a” – ")),
        ("broken UTF-8", plain("é\u{fffd}").replace('\u{fffd}', "?")),
        ("UTF-7", format!("Content-Type: text/plain; charset=utf-7\r\n\r\n{}", fill("+APwA3w-"))),
        ("ISO-2022-JP", format!("Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n{}", fill("\x1b$BF|\x1b(B"))),
        ("format=flowed", flowed("x \r\n")),
        ("format=flowed, quoted", flowed(">> x \r\n> y \r\n")),
        ("base64", coded("base64", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n")),
        ("base64, one line", coded("base64", "QUFB")),
        ("quoted-printable", coded("quoted-printable", "=C3=A9=C3=A9=\r\n")),
        ("quoted-printable, soft breaks", coded("quoted-printable", "=\r\n")),
        ("uuencode", uu),
        ("many parts", mixed("--a\r\n\r\n \r\n")),
        ("parts that are empty HTML", mixed("--a\r\nContent-Type: text/html\r\n\r\n<p>\r\n")),
        ("delimiters of no multipart", mixed("--b\r\n")),
        ("multiparts without end", mixed("--a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n")),
        ("multiparts in multiparts", format!("Content-Type: multipart/mixed; boundary=0\r\n\r\n{deep}")),
        ("message/rfc822 in message/rfc822", mixed("--a\r\nContent-Type: message/rfc822\r\n\r\n")),
        ("many headers", format!("{headers}\r\nx")),
        ("long headers", format!("{long_headers}\r\nx")),
        ("encoded words", format!("Subject: {}\r\n\r\nx", fill("=?utf-8?q?a?=\r\n "))),
        ("an endless list of addresses", format!("To: {people}x@y\r\n\r\nx")),
        ("comments in an address", format!("From: {}\r\n\r\nx", fill("("))),
        ("RFC 2231 pieces", format!("Content-Type: text/plain; {}x=y\r\n\r\nx", fill("name*1*=a;\r\n "))),
        ("HTML: words", html("<p>the quick brown fox</p>\r\n")),
        ("HTML: <b", html("<b")),
        ("HTML: <b>", html("<b>")),
        ("HTML: nested tables", html("<table><tr><td>")),
        ("HTML: tables", html("<table><tr><td>a<td>b</table>")),
        ("HTML: nested lists", html("<ul><li>a")),
        ("HTML: nested quotes", html("<blockquote type=cite>a")),
        ("HTML: entities", html("&eacute;&amp;&#8364;")),
        ("HTML: unfinished entities", html("&")),
        ("HTML: links", html("<a href='https://example.test/'>here</a> ")),
        (
            "HTML: links in links",
            format!(
                "Content-Type: text/html\r\n\r\n{}{}{}",
                "<a href=http://x>y".repeat(64),
                fill("y"),
                "</a>".repeat(64)
            ),
        ),
        ("HTML: hidden words", html("<p hidden>x")),
        ("HTML: attributes", format!("Content-Type: text/html\r\n\r\n<p {}>x", fill("a=b "))),
        ("HTML: styles", html("<p style='a:b;c:d;display:none'>x</p>")),
        ("HTML: comments", html("<!-- x -->")),
        ("HTML: line breaks", html("x<br>")),
        ("HTML: invented elements", format!("Content-Type: text/html\r\n\r\n{names}")),
        (
            "HTML: closing what is not open",
            format!("Content-Type: text/html\r\n\r\n{}{}", "<i>".repeat(1000), fill("</b>")),
        ),
        ("an invitation", format!("Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\n{}", fill("X:y\r\n z\r\n"))),
        (
            "an invitation's escapes",
            format!("Content-Type: text/calendar\r\n\r\nBEGIN:VEVENT\r\nSUMMARY:{}", fill("\\n\\,\\;")),
        ),
    ]
    .map(|(name, mail)| (name, mail.into_bytes()))
    .into()
}
