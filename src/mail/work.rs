//! How often the innermost loops turn, counted in tests only: whoever writes a mail must not decide how long it is read.

/// Notes `by` turns.
#[inline]
pub(super) fn step(by: usize) {
    #[cfg(test)]
    tests::STEPS.with(|steps| steps.set(steps.get() + by));
    #[cfg(not(test))]
    let _ = by;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::mail::{Choices, read, text::text};

    thread_local! {
        pub static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    fn steps(raw: &str) -> usize {
        STEPS.with(|steps| steps.set(0));
        if let Ok(mail) = read(raw.as_bytes()) {
            let _ = text(&mail, &Choices { html_links: true, ..Choices::default() });
        }
        STEPS.with(Cell::get)
    }

    /// Mails of about `size` octets that make readers slow, by name.
    fn shapes(size: usize) -> Vec<(&'static str, String)> {
        let fill = |piece: &str| piece.repeat(size / piece.len());
        let plain = |piece: &str| format!("A: b\r\n\r\n{}", fill(piece));
        let html = |piece: &str| format!("Content-Type: text/html\r\n\r\n{}", fill(piece));
        let mixed = |piece: &str| format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{}", fill(piece));
        let deep: String = (0..64).fold(String::new(), |deep, n| {
            format!("{deep}--{n}\r\nContent-Type: multipart/mixed; boundary={}\r\n\r\n", n + 1)
        });
        vec![
            ("lines", plain("a\r\n")),
            ("empty lines", plain("\r\n")),
            ("quotes", plain("> a\r\n")),
            ("attributions", plain("On Fri, Nov 20, 2026 at 9:12 x\r\n")),
            ("attributions with their end", plain("On Fri, Nov 20, 2026 a@b wrote:\r\n> q\r\n")),
            ("nothing but attributions", plain("20 a <b@c>:\r\n")),
            ("labels", plain("From: x\r\nSent: y\r\n")),
            ("signatures", plain("\r\n--\r\n")),
            ("rules", plain("________\r\n")),
            ("delimiters of no multipart", mixed("--b\r\n")),
            ("parts", mixed("--a\r\n\r\nx\r\n")),
            ("multiparts without end", mixed("--a\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n")),
            (
                "lines within 64 multiparts",
                format!("Content-Type: multipart/mixed; boundary=0\r\n\r\n{deep}{}", fill("--x\r\n")),
            ),
            ("open elements", html("<b>")),
            ("hidden elements", html("<p hidden>x")),
            ("links in links", html("<a href=http://x>y")),
            ("breaks below open elements", html(&format!("{}{}", "<a href=x>".repeat(2), "x<br>".repeat(40)))),
            ("invented elements", html("<a1><a2></a1>")),
        ]
    }

    /// Twice the size, about twice the work; a square would be four times.
    #[test]
    fn work_grows_with_the_mail_and_no_faster() {
        for ((name, small), (_, large)) in shapes(100_000).into_iter().zip(shapes(200_000)) {
            let (few, many) = (steps(&small), steps(&large));
            assert!(few > 0 && many * 10 <= few * 23 + 50_000, "{name}: {few} steps, then {many}");
            // The cost of an octet has a bound of its own.
            assert!(many <= large.len() * 80, "{name}: {many} steps for {} octets", large.len());
        }
    }
}
