//! Who calls behind proxies: any fields give an address that is the proxy's or stands in them, and whoever is no proxy is
//! himself, whatever he writes.

use std::net::IpAddr;

use martlet::doors::http::forwarded::client;

pub fn forwarded(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let (mut standard, mut usual) = (Vec::new(), Vec::new());
    for line in lines.by_ref().take(32) {
        match line.split_once(": ") {
            Some(("f", value)) => standard.push(value),
            Some((_, value)) => usual.push(value),
            None => usual.push(line),
        }
    }
    let stranger: IpAddr = [192, 0, 2, 9].into();
    let proxy: IpAddr = [127, 0, 0, 1].into();
    let proxies = [(proxy, 32), ([10, 0, 0, 0].into(), 8)];
    assert_eq!(client(stranger, &proxies, &standard, &usual), stranger, "nobody believes a stranger");
    let found = client(proxy, &proxies, &standard, &usual);
    assert_eq!(found, found.to_canonical());
    if standard.is_empty() && usual.is_empty() {
        assert_eq!(found, proxy);
    }
    // What a proxy adds at the right end is what counts, whatever the client wrote before.
    let honest = [&usual[..], &["203.0.113.1"]].concat();
    let told = client(proxy, &proxies, &[], &honest);
    assert_eq!(told, IpAddr::from([203, 0, 113, 1]));
    let honest = format!("{}, 203.0.113.1", usual.join(", "));
    assert_eq!(client(proxy, &proxies, &[], &[&honest]), IpAddr::from([203, 0, 113, 1]));
    // In the standard field a client can make it unreadable, and then nobody but the proxy calls.
    let honest = format!("{}, for=203.0.113.1", standard.join(", "));
    let told = client(proxy, &proxies, &[&honest], &[]);
    assert!(told == proxy || told == IpAddr::from([203, 0, 113, 1]), "{told}");
}
