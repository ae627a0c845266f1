//! Accepting, and the lines of one connection.

use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::bind::{Bound, Socket},
    Shared,
    peer::{self, Admin},
    words::{Answer, LONGEST, Request, Trouble, Why, answer_line},
};
use crate::observe;

/// Serves the socket until `stop`; a request under way is answered.
pub async fn serve(bound: Bound, shared: Arc<Shared>, stop: CancellationToken) {
    let (socket, file) = bound.into_parts();
    let Socket::Unix(listener) = socket else { return };
    let permits = Arc::new(Semaphore::new(shared.settings.connections));
    let tracker = TaskTracker::new();
    loop {
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (shared, stop) = (shared.clone(), stop.clone());
                tracker.spawn(async move {
                    connection(&shared, stream, &stop).await;
                    drop(permit);
                });
            }
            Err(error) => {
                observe::log::oddity("control", error);
                // Out of descriptors, mostly: one comes free when a connection ends.
                shared.clock.sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    drop(file);
    tracker.close();
    tracker.wait().await;
}

async fn connection(shared: &Shared, stream: UnixStream, stop: &CancellationToken) {
    let admin = admitted(shared, &stream).await;
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let admin = match admin {
        Ok(admin) => admin,
        Err(trouble) => {
            say(shared, &mut writing, &Err(trouble)).await;
            return;
        }
    };
    loop {
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.clock.sleep(shared.settings.timeout) => return,
            read = line(&mut reading) => read,
        };
        let (answer, last) = match read {
            Read::Line(line) => match Request::read(&line) {
                Ok(request) => (shared.answer(&admin, request).await, false),
                Err(trouble) => (Err(trouble), false),
            },
            Read::TooLong => (Err(Trouble::new(Why::Request, format!("a request has at most {LONGEST} octets"))), true),
            Read::End => return,
        };
        if !say(shared, &mut writing, &answer).await || last {
            return;
        }
    }
}

/// Who connected, if he may.
async fn admitted(shared: &Shared, stream: &UnixStream) -> Result<Admin, Trouble> {
    let denied = |words: String| Trouble::new(Why::Denied, words);
    let peer = stream.peer_cred().map_err(|error| denied(format!("the system does not say who you are: {error}")))?;
    let uid = peer.uid();
    let group = shared.group.clone();
    // Users and groups may have to be looked up over the network.
    let admitted = tokio::task::spawn_blocking(move || peer::admit(peer, group.as_deref())).await;
    admitted.ok().flatten().ok_or_else(|| {
        observe::log::refused("control", "5.7.1", "stranger");
        let group = shared.group.as_ref().map_or_else(
            || "; [control] may name a group whose members may, too".to_owned(),
            |group| format!(", and the members of the group {group}"),
        );
        denied(format!("user {uid} may not: only root and the daemon's own user{group}"))
    })
}

enum Read {
    Line(Vec<u8>),
    TooLong,
    End,
}

/// One line without its end. What the peer left unfinished is no request.
async fn line(reading: &mut (impl AsyncBufReadExt + Unpin)) -> Read {
    let mut line = Vec::new();
    match reading.take(LONGEST as u64).read_until(b'\n', &mut line).await {
        Ok(_) if line.last() == Some(&b'\n') => {
            line.pop();
            Read::Line(line)
        }
        Ok(n) if n == LONGEST => Read::TooLong,
        Ok(_) | Err(_) => Read::End,
    }
}

async fn say(shared: &Shared, writing: &mut (impl AsyncWriteExt + Unpin), answer: &Answer) -> bool {
    let line = answer_line(answer);
    tokio::select! {
        written = writing.write_all(line.as_bytes()) => written.is_ok(),
        () = shared.clock.sleep(shared.settings.timeout) => false,
    }
}
