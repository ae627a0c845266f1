//! The page in Chromium, as a person uses it.

use super::Tried;
use crate::support::browser::{Browser, DOWN, ENTER};

const ONE: &str = "#phone-12025550123";
const TWO: &str = "#phone-12025550147";

fn open(tried: &Tried) -> Browser {
    let browser = Browser::start(&tried.scratch);
    browser.size(1280, 900);
    browser.scheme("light");
    browser.open(&tried.url());
    browser
}

fn write(browser: &Browser, from: &str, to: &str, subject: &str, text: &str) {
    browser.click(&format!(".pick.{from} input"));
    browser.fill("[name=to]", to);
    browser.fill("[name=subject]", subject);
    browser.fill("[name=text]", text);
    browser.click(".compose button");
}

/// An expression: some element that fits holds the words.
fn holds(css: &str, words: &str) -> String {
    format!("[...document.querySelectorAll({css:?})].some(node => node.textContent.includes({words:?}))")
}

fn arrives(browser: &Browser, phone: &str, words: &str) {
    browser.until("the text on the phone", &holds(&format!("{phone} .in .bubble"), words));
}

fn choose(browser: &Browser, phone: &str, behaviour: &str) {
    browser.click(&format!("{phone} .network input[value={behaviour}]"));
    browser.until("the network's word", &format!("document.querySelector('{phone} .signal.{behaviour}')"));
}

fn quiet(browser: &Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "the console says {complaints:?}");
}

/// Send from the page, the text appears; the typed answer stands threaded in the mailbox; refuse yields the bounce.
pub fn circle() {
    let mut tried = Tried::start();
    let browser = open(&tried);
    write(&browser, "alice", "+12025550123", "Dinner", "See you at eight?");
    arrives(&browser, ONE, "See you at eight?");
    browser.until("an empty field for the next mail", "!document.querySelector('textarea').value");
    browser.fill(&format!("{ONE} .type [name=text]"), "Eight is fine");
    browser.click(&format!("{ONE} .type button"));
    browser.until("what was typed on the phone", &holds(&format!("{ONE} .out .bubble"), "Eight is fine"));
    browser
        .until("the answer below the mail", &holds(".thread .letter.written ~ .letter.reply.depth-1", "Eight is fine"));
    browser.until("the receipt", &holds(".letter.written .fates .delivered", "+12025550123: delivered"));

    choose(&browser, TWO, "refuse");
    write(&browser, "bob", "+12025550147", "Keys", "Where are they?");
    browser.until("the ghost of the text", &holds(&format!("{TWO} .refused.ghost .note"), "Refused by the network"));
    browser.until(
        "the bounce below the mail",
        &holds(".letter.written ~ .letter.report.depth-1", "could not be delivered"),
    );
    browser.click(".letter.report summary");
    browser.until("its reason", &holds(".letter.report details[open]", "this phone takes no texts"));

    choose(&browser, TWO, "silent");
    write(&browser, "bob", "+12025550147", "Unsure", "Did this arrive?");
    browser
        .until("the text that nobody knows of", &holds(&format!("{TWO} .silent .note"), "the network never said so"));
    browser.until("what the writer is told", &holds(".letter.report", "may have arrived"));

    choose(&browser, TWO, "lose");
    write(&browser, "carol", "+12025550147", "Lost", "Gone");
    browser.until("the lost text", &holds(&format!("{TWO} .lost.ghost .note"), "no receipt will come"));

    choose(&browser, TWO, "delay");
    write(&browser, "carol", "+12025550147", "Later", "Patience");
    browser.until("the text on its way", &holds(&format!("{TWO} .coming.ghost .note"), "On its way"));
    choose(&browser, TWO, "deliver");
    browser.until("the text on the phone", &holds(&format!("{TWO} .delivered .bubble"), "Patience"));
    quiet(&browser);
    // A page that is open and listens keeps nothing from ending.
    tried.stop();
    assert!(!tried.said().contains("still under way"), "{}", tried.said());
}

pub fn conflict() {
    let tried = Tried::start();
    let browser = open(&tried);
    for (who, text) in [("alice", "Tea at four?"), ("bob", "Football on Sunday?")] {
        write(&browser, who, "+12025550123", who, text);
        arrives(&browser, ONE, text);
    }
    let answer = |words: &str| {
        browser.fill(&format!("{ONE} .type [name=text]"), words);
        browser.click(&format!("{ONE} .type button"));
    };
    answer("Yes, gladly");
    arrives(&browser, ONE, "Several people wrote to you");
    let question =
        browser.run(&format!("return [...document.querySelectorAll('{ONE} .in .bubble')].at(-1).textContent"));
    let question = question.as_str().expect("words");
    let choice =
        question.split("alice@example.test").next().and_then(|before| before.rsplit('#').nth(1)).expect("a number");
    answer(&format!("#{choice}# "));
    browser.until("the text that waited, at alice's", &holds(".letter.reply.depth-1", "Yes, gladly"));
    browser.until("alice's mailbox", &holds(".letter.reply .links", "alice@example.test"));
    browser.click(".tabs .bob");
    browser.until(
        "bob's mailbox alone",
        "document.querySelector('.tabs .bob[aria-current]') && document.querySelectorAll('.letter').length === 1",
    );
    quiet(&browser);
}

pub fn keyboard() {
    let tried = Tried::start();
    let browser = open(&tried);
    browser.tab_to("textarea");
    browser.keys("By keys");
    browser.tab_to(".compose button");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(outline, "none", "the focus is to be seen");
    browser.keys(&ENTER.to_string());
    arrives(&browser, ONE, "By keys");
    browser.tab_to(&format!("{ONE} .type [name=text]"));
    browser.keys(&format!("Thumbs{ENTER}"));
    browser.until("the answer in the mailbox", &holds(".letter.reply.depth-1", "Thumbs"));
    let kept = browser.run(&format!("return document.activeElement.matches('{ONE} .type [name=text]')"));
    assert_eq!(kept, true, "the focus stays while the page changes");
    browser.tab_to(&format!("{ONE} .network input:checked"));
    browser.keys(&DOWN.to_string());
    browser.until("the next behaviour", &format!("document.querySelector('{ONE} .signal.delay')"));
    // Everything that can be used has a name.
    let nameless = browser.run(
        "return [...document.querySelectorAll('input:not([type=hidden]), textarea, button, a')].filter(node => \
         !(node.labels?.[0]?.textContent.trim() || node.getAttribute('aria-label') || node.textContent.trim())).length",
    );
    assert_eq!(nameless, 0);
    quiet(&browser);
}

/// Also makes the picture of the README, where `MARTLET_PICTURES` names a folder.
pub fn looks() {
    let tried = Tried::start();
    let browser = open(&tried);
    write(&browser, "alice", "+12025550123", "Dinner", "See you at eight?");
    arrives(&browser, ONE, "See you at eight?");
    browser.fill(&format!("{ONE} .type [name=text]"), "Eight is fine. Shall I bring something?");
    browser.click(&format!("{ONE} .type button"));
    browser.until("the answer in the mailbox", &holds(".letter.reply.depth-1", "Shall I bring something?"));
    write(&browser, "carol", "+12025550147", "Train", "The train is ten minutes late.");
    arrives(&browser, TWO, "ten minutes late");
    choose(&browser, TWO, "refuse");
    write(&browser, "bob", "+12025550147", "Keys", "Where are the keys?");
    browser.until("the bounce", &holds(".letter.report", "could not be delivered"));
    write(&browser, "alice", "+12025550123", "Long", &"AVeryLongWordWithoutAnyPlaceToBreakIt".repeat(4));
    arrives(&browser, ONE, "AVeryLongWord");

    for (width, height) in [(320, 640), (390, 844), (768, 1024), (1280, 900), (1600, 1000)] {
        browser.size(width, height);
        for scheme in ["light", "dark"] {
            browser.scheme(scheme);
            let seen = browser.run("return [document.documentElement.scrollWidth, innerWidth]");
            assert!(seen[0].as_u64() <= seen[1].as_u64(), "at {width} the page is {seen} wide");
            let beyond = browser.run(
                "return [...document.querySelectorAll('body *')].filter(node => { const box = node.getBoundingClientRect(); \
                 return box.width && box.right > innerWidth + 1 && !node.closest('.skip'); }).map(node => node.className)",
            );
            assert_eq!(beyond, serde_json::json!([]), "at {width} something stands beyond the edge");
            let back = browser.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)");
            let bright = back[0].as_u64().expect("a colour") > 128;
            assert_eq!(bright, scheme == "light", "{scheme}: {back}");
            assert!(contrast(&browser) >= 4.5, "{scheme} at {width}: words are hard to read ({})", contrast(&browser));
        }
    }
    quiet(&browser);
    picture(&browser);
}

/// The least contrast (WCAG 2) between words and what is behind them, over the words of the page.
fn contrast(browser: &Browser) -> f64 {
    let least = browser.run(
        "const parse = c => { const n = c.match(/[\\d.]+/g).map(Number); return c.startsWith('color(') ? [n[0]*255, n[1]*255, n[2]*255, n[3] ?? 1] : [n[0], n[1], n[2], n[3] ?? 1]; };
         const light = ([r, g, b]) => { const f = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126*f(r) + .7152*f(g) + .0722*f(b); };
         const behind = node => { for (let n = node; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c[3] > .99) return c; } return [255,255,255,1]; };
         let least = 99;
         for (const node of document.querySelectorAll('h2, h3, p, label, legend, button, .bubble, .note, .note span, .kind, time, .fates li, a, summary, .hint')) {
           if (!node.textContent.trim() || !node.offsetParent || node.closest('.top, .pick, .tabs')) continue;
           const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
           least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
         }
         return least;",
    );
    least.as_f64().expect("a number")
}

fn picture(browser: &Browser) {
    let Some(folder) = crate::support::pictures() else { return };
    browser.size(1440, 900);
    browser.scheme("light");
    // The longest word is no sight for a README.
    browser.run("document.querySelectorAll('.texts li, .thread').forEach(node => node.textContent.includes('AVeryLong') && node.remove()); scrollTo(0, 0)");
    std::fs::write(folder.join("try.png"), browser.picture()).expect("written");
}

pub fn scriptless() {
    let tried = Tried::start();
    let browser = open(&tried);
    browser.without_scripts();
    browser.open(&tried.url());
    assert!(!browser.source().contains("<html lang=\"en\" class=\"live\">"), "the script ran");
    write(&browser, "alice", "+12025550123", "Plain", "No script at all");
    // Opening a page before that would take the form's own back.
    crate::support::process::until("the page behind the form", || browser.url().ends_with("#mailbox").then_some(()));
    crate::support::process::until("a page with the text", || {
        browser.open(&tried.url());
        browser.source().contains("<span class=\"bubble\">No script at all</span>").then_some(())
    });
    browser.click(&format!("{ONE} .network label.refuse"));
    browser.click(&format!("{ONE} .network .plain"));
    crate::support::process::until("the network's new word, by a button alone", || {
        browser.source().contains("signal refuse").then_some(())
    });
}
