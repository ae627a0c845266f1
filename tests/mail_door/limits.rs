//! What one peer may ask of a door: connections, silence, length, errors. Each limit is reached, and said.

use super::*;

async fn limited(settings: Settings, end: End) {
    let mut door = tcp(settings).await;
    let mut first = door.client().await;
    first.hello().await;
    let mut second = door.client().await;
    assert!(second.reply().await.starts_with("421 4.7.0 Too many connections"));
    assert_eq!(second.line().await, None);
    assert_eq!(door.next_end().await, (end, 0));
    first.send("QUIT\r\n").await;
    assert!(first.reply().await.starts_with("221 "));
    door.next_end().await;
    let mut third = door.client().await;
    third.hello().await;
    drop(third);
    door.next_end().await;
    door.close().await;
}

pub(super) async fn too_many_connections() {
    limited(Settings { max_connections: 1, ..Settings::default() }, End::TooMany).await;
}

pub(super) async fn too_many_from_one_peer() {
    limited(Settings { max_per_peer: 1, ..Settings::default() }, End::TooManyFromPeer).await;
}

pub(super) async fn silence_ends_a_session() {
    let idle = Settings::default().idle;
    let mut door = tcp(Settings { idle, ..patient() }).await;
    let mut client = door.client().await;
    client.hello().await;
    client.send("MAIL FROM:<a@b.test>\r\nRCPT").await;
    assert!(client.reply().await.starts_with("250 "));
    assert_eq!(door.turning(client.reply()).await, "421 4.4.2 Silent for too long");
    assert_eq!(client.line().await, None);
    assert_eq!(door.next_end().await, (End::Idle, 0));
    assert!(door.clock.now().since(Timestamp(0)) >= idle);
    door.close().await;
}

/// Six strangers of ten; eight is what they may be at most.
pub(super) async fn silence_is_short_where_places_are_narrow() {
    let settings = Settings { max_connections: 10, ..patient() };
    let mut door = open(Bind::Tcp("127.0.0.1:0".parse().expect("address")), "192.0.2.1", settings).await;
    let mut busy = Vec::new();
    for _ in 0..5 {
        let mut client = door.client().await;
        client.hello().await;
        // Whoever is in the middle of a mail is not hurried.
        client.send("MAIL FROM:<a@b.test>\r\n").await;
        assert!(client.reply().await.starts_with("250 "));
        busy.push(client);
    }
    let mut silent = door.client().await;
    silent.hello().await;
    assert_eq!(door.turning(silent.reply()).await, "421 4.4.2 Silent for too long");
    assert_eq!(door.next_end().await, (End::Idle, 0));
    for client in &mut busy {
        client.send("RSET\r\n").await;
        assert!(client.reply().await.starts_with("250 "));
    }
    drop((busy, silent));
    door.close().await;
}

pub(super) async fn a_session_has_an_end() {
    let settings = Settings { whole: Duration::from_secs(60), ..patient() };
    let mut door = tcp(settings).await;
    let mut client = door.client().await;
    client.hello().await;
    // A client that always has something to say.
    for _ in 0..3 {
        door.hand.advance(Duration::from_secs(15));
        client.send("NOOP\r\n").await;
        assert!(client.reply().await.starts_with("250 "));
    }
    assert_eq!(door.turning(client.reply()).await, "421 4.4.2 This session is too long");
    assert_eq!(door.next_end().await, (End::Overlong, 0));
    door.close().await;
}

pub(super) async fn errors_are_answered_slowly() {
    let settings = Settings { tarpit_after: 2, tarpit: Duration::from_secs(7), ..patient() };
    let mut door = tcp(settings).await;
    let mut client = door.client().await;
    client.hello().await;
    client.send("WIZ\r\n").await;
    assert!(client.reply().await.starts_with("500 "));
    assert_eq!(door.clock.now(), Timestamp(0), "the first error costs nothing");
    client.send("WIZ\r\n").await;
    assert!(door.turning(client.reply()).await.starts_with("500 "));
    let after = door.clock.now();
    assert!(after.since(Timestamp(0)) >= Duration::from_secs(7), "the second one waits");
    client.send("NOOP\r\n").await;
    assert!(client.reply().await.starts_with("250 "), "what is no error is answered at once");
    drop(client);
    door.next_end().await;
    door.close().await;
}

pub(super) async fn too_many_errors_reach_the_peer() {
    let mut settings = Settings { tarpit_after: 1000, ..Settings::default() };
    settings.session.max_errors = 3;
    let mut door = tcp(settings).await;
    let mut client = door.client().await;
    assert!(client.reply().await.starts_with("220 "));
    client.send(&"WIZ\r\n".repeat(5000)).await;
    for code in ["500 ", "500 ", "500 ", "421 4.7.0"] {
        assert!(client.reply().await.starts_with(code));
    }
    drop(client);
    assert_eq!(door.next_end().await, (End::Session(Closed::TooManyErrors), 0));
    door.close().await;
}
