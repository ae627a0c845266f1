//! Any HTML: lines without line ends, not much longer than their source.

use martlet::mail::html::render;

pub fn html(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    for links in [false, true] {
        let page = render(&source, links);
        assert!(page.lines.iter().all(|line| !line.text.contains(['\n', '\r'])));
        let size: usize = page.lines.iter().map(|line| line.text.len()).sum();
        assert!(size <= source.len() * 4 + 64, "{size} octets from {}", source.len());
        assert!(page.hidden.len() <= 4096 + 1);
    }
}
