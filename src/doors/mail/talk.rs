//! One connection: bytes between its socket and the session, answers from the journey behind the door.

use std::{io, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{
    ground::Enhanced,
    outbound::{Accept, Handed, Peer},
    smtp::{Link, Mail, Protocol, Reply, Session, Step, session::Closed},
};

use super::{
    End, Voice,
    channel::{Channel, Tls},
    limits::Place,
    serve::Shared,
};

/// Octets of one read.
const READ: usize = 16 * 1024;
/// Silence that is too long where most places are taken.
const HURRY: Duration = Duration::from_secs(10);

/// Speaks with one peer to the end. Returns why it ended and how many mails were taken.
pub(super) async fn talk<A, V, S>(shared: &Shared<A, V>, peer: &Peer, link: Link, stream: S, place: Place) -> (End, u64)
where
    A: Accept,
    V: Voice,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let protocol = if shared.listener.lmtp { Protocol::Lmtp } else { Protocol::Smtp };
    let session = Session::new(shared.session.clone(), protocol, peer.trusted).on(link);
    let mut talk = Talk { shared, peer, stream: Channel::Plain(stream), session, slowed: 0, place };
    if shared.settings.tls.as_ref().is_some_and(|tls| tls.implicit)
        && let Err(end) = talk.encrypt().await
    {
        return (end, 0);
    }
    let mut whole = Box::pin(shared.clock.sleep(shared.settings.whole));
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    let end = loop {
        if let Err(end) = talk.digest(&buffer[..filled]).await {
            break end;
        }
        if shared.stop.is_cancelled() && !talk.session.in_transaction() {
            break talk.hang_up(End::Stopped).await;
        }
        let draining = talk.session.in_transaction();
        tokio::select! {
            biased;
            () = shared.hard.cancelled() => break talk.hang_up(End::Stopped).await,
            () = shared.stop.cancelled(), if !draining => break talk.hang_up(End::Stopped).await,
            read = talk.stream.read(&mut buffer) => match read {
                Ok(0) => break End::Gone { mid_mail: talk.session.in_transaction() },
                Ok(n) => filled = n,
                Err(error) => break failed(&error, talk.session.in_transaction()),
            },
            () = &mut whole => break talk.hang_up(End::Overlong).await,
            () = silence(shared, draining || peer.trusted) => break talk.hang_up(End::Idle).await,
        }
    };
    (end, talk.session.mails())
}

/// Ends when a peer was silent for too long. Where places are narrow that is soon, unless he is in the middle of a mail or
/// trusted (`patient`).
async fn silence<A, V>(shared: &Shared<A, V>, patient: bool) {
    let until = shared.clock.monotonic().saturating_add(shared.settings.idle);
    loop {
        let now = shared.clock.monotonic();
        if now >= until {
            return;
        }
        shared.clock.sleep_to(until.min(now + HURRY)).await;
        if !patient && shared.limits.is_narrow() {
            return;
        }
    }
}

struct Talk<'a, A, V, S> {
    shared: &'a Shared<A, V>,
    peer: &'a Peer,
    stream: Channel<S>,
    session: Session,
    /// Errors that were slowed down already.
    slowed: u32,
    place: Place,
}

impl<A: Accept, V: Voice, S: AsyncRead + AsyncWrite + Unpin> Talk<'_, A, V, S> {
    /// Takes in what was read and writes the replies to it.
    async fn digest(&mut self, mut input: &[u8]) -> Result<(), End> {
        loop {
            let step = self.session.step(&mut input);
            match step {
                Step::More => {
                    self.make_room();
                    return self.flush().await;
                }
                Step::Flush => self.flush().await?,
                Step::AskRecipient { envelope, recipient } => {
                    let shared = self.shared;
                    let reply = shared.accept.recipient(&shared.listener, self.peer, envelope, recipient).await;
                    self.session.answer(&reply);
                }
                Step::Mail(mail) => self.hand_over(*mail).await,
                Step::StartTls if !input.is_empty() => self.session.pipelined(),
                Step::StartTls => {
                    self.session.start_tls();
                    self.flush().await?;
                    self.encrypt().await?;
                }
                Step::LogIn(login) => {
                    let shared = self.shared;
                    let pass = login.pass.expose();
                    let outcome = shared.accept.log_in(&shared.listener, self.peer, &login.user, pass).await;
                    self.session.logged_in(outcome);
                }
                Step::Close(why) => {
                    self.flush().await?;
                    self.part(why != Closed::Quit).await;
                    return Err(End::Session(why));
                }
            }
        }
    }

    /// Shakes hands; from here on all is encrypted. The session forgets what was said before.
    async fn encrypt(&mut self) -> Result<(), End> {
        let shared = self.shared;
        let Some(tls) = shared.settings.tls.clone() else { return Err(End::Handshake) };
        let Channel::Plain(stream) = std::mem::replace(&mut self.stream, Channel::Gone) else {
            return Err(End::Handshake);
        };
        // Changed files are read where waiting for a disk holds nobody up.
        let acceptor = tokio::task::spawn_blocking(move || Tls::acceptor(&tls)).await;
        let Ok((acceptor, failed)) = acceptor else { return Err(End::Handshake) };
        if let Some(why) = failed {
            shared.voice.certificate(&shared.listener, &why);
        }
        let stream = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return Err(End::Stopped),
            shaken = acceptor.accept(stream) => shaken.map_err(|_| End::Handshake)?,
            () = shared.clock.sleep(shared.settings.handshake) => return Err(End::Handshake),
        };
        self.stream = Channel::Encrypted(Box::new(stream));
        self.session.encrypted();
        Ok(())
    }

    /// What is kept of the mail on its way is counted; where there is no room it is put off.
    fn make_room(&mut self) {
        let held = self.session.held();
        if !self.place.keeps(held) {
            self.session.put_off();
            self.place.keeps(0);
        }
    }

    /// The mail counts until it is answered.
    async fn hand_over(&mut self, mail: Mail) {
        let Mail { envelope, recipients, data } = mail;
        let handed =
            Handed { listener: Arc::clone(&self.shared.listener), peer: self.peer.clone(), envelope, recipients, data };
        let replies = self.shared.accept.mail(handed).await;
        self.place.keeps(0);
        self.session.answers(replies);
    }

    /// Writes what waits. Further errors beyond `tarpit_after` are answered slowly.
    async fn flush(&mut self) -> Result<(), End> {
        let settings = &self.shared.settings;
        let errors = self.session.errors();
        if errors < self.slowed {
            self.slowed = 0;
        }
        if errors > self.slowed && errors >= settings.tarpit_after {
            tokio::select! {
                () = self.shared.clock.sleep(settings.tarpit) => {}
                () = self.shared.stop.cancelled() => {}
            }
        }
        self.slowed = errors;
        self.write(settings.idle).await
    }

    async fn write(&mut self, patience: Duration) -> Result<(), End> {
        if self.session.replies().is_empty() {
            return Ok(());
        }
        let wrote = tokio::select! {
            biased;
            wrote = self.stream.write_all(self.session.replies()) => wrote,
            () = self.shared.hard.cancelled() => return Err(End::Stopped),
            () = self.shared.clock.sleep(patience) => return Err(End::Idle),
        };
        self.session.written();
        wrote.map_err(|error| failed(&error, self.session.in_transaction()))
    }

    /// Closes our direction. Where the peer may still be sending, its bytes are read away for a moment: closing a
    /// socket with unread bytes makes the system throw away the last reply.
    async fn part(&mut self, still_sending: bool) {
        // The peer may have closed already: there is nothing left to say.
        let _ = self.stream.shutdown().await;
        if !still_sending {
            return;
        }
        let stream = &mut self.stream;
        let read_away = async move {
            let mut scrap = [0; 1024];
            for _ in 0..64 {
                if !stream.read(&mut scrap).await.is_ok_and(|n| n > 0) {
                    break;
                }
            }
        };
        tokio::select! {
            () = read_away => {}
            () = self.shared.stop.cancelled() => {}
            () = self.shared.clock.sleep(Duration::from_secs(1)) => {}
        }
    }

    /// The last words, as far as the peer takes them at once.
    async fn hang_up(&mut self, end: End) -> End {
        let (code, words) = match end {
            End::Stopped => (Enhanced::new(4, 3, 2), "Closing down; try again soon"),
            End::Overlong => (Enhanced::new(4, 4, 2), "This session is too long"),
            _ => (Enhanced::new(4, 4, 2), "Silent for too long"),
        };
        self.session.hang_up(&Reply::new(421, code, words));
        tokio::select! {
            biased;
            _ = async { self.stream.write_all(self.session.replies()).await?; self.stream.shutdown().await } => {}
            () = self.shared.clock.sleep(Duration::from_secs(1)) => {}
        }
        end
    }
}

fn failed(error: &io::Error, mid_mail: bool) -> End {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            End::Gone { mid_mail }
        }
        kind => End::Failed(kind),
    }
}
