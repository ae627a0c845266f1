//! The trace that a mail or a request claims: bounded, host names alone, and read again as what it was written as.

use martlet::address::{Node, Trace};

pub fn trace(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = Trace::read(text.lines());
    let written = read.to_string();
    assert!(!written.contains(['\r', '\n', '\0', '<', '"']), "{written:?}");
    assert!(written.split(", ").count() <= Trace::MOST);
    assert_eq!(Trace::read([written.as_str()]), read);
    let node = Node::new("here.example", 1);
    let on = Trace::read([read.through(&node).to_string().as_str()]);
    assert!(on.loops_here(&node), "{written:?}");
}
