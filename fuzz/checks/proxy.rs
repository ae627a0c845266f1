//! The PROXY header: any bytes give an announcement, a refusal or a wish for more; the end of a header does not move with
//! what follows, no beginning of one is refused or taken, and none is longer than its limit.

use martlet::smtp::proxy::{LONGEST, parse};

pub fn proxy(data: &[u8]) {
    match parse(data) {
        Ok(Some((announced, length))) => {
            assert!(length <= data.len() && length <= LONGEST);
            assert_eq!(parse(&data[..length]), Ok(Some((announced, length))));
            assert!((0..length).all(|cut| parse(&data[..cut]) == Ok(None)), "a beginning is no header");
            assert_eq!(parse(&[data, b"EHLO x\r\n"].concat()), Ok(Some((announced, length))));
        }
        Ok(None) => assert!(data.len() < LONGEST, "endless"),
        Err(_) => assert!(parse(&[data, b"\r\n"].concat()).is_err(), "refused for good"),
    }
}
