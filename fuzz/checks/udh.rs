//! User data headers: any octets are walked, what concatenation says is sound, removing it twice is removing it once.

use martlet::sms::{
    Body, Segment,
    join::join,
    udh::{concat, elements, without_concat},
};

pub fn udh(data: &[u8]) {
    let read: usize = elements(data).map(|(_, element)| 2 + element.len()).sum();
    assert!(read <= data.len());
    let others = without_concat(data);
    assert!(others.len() <= data.len());
    let found = concat(data);
    if let Some(found) = found {
        assert!((1..=found.total).contains(&found.seq));
        assert_eq!(concat(&found.before(&[])), Some(found));
        assert!(others.len() < data.len());
    }
    let segment = Segment { body: Body::Text("x".to_owned()), udh: data.to_vec() };
    let joined = join(&[(found, &segment), (found, &segment)]);
    assert_eq!(joined.missing, found.map_or(0, |c| c.total - 1));
}
