//! What stands behind the mail doors of a trial: the mailbox that Martlet's own mails go to, and a look at what is
//! handed in, so that the mailbox shows what was written beside what came back.

use super::Letterbox;
use crate::{
    address::ReversePath,
    ground::{Enhanced, MessageId},
    mail, observe,
    outbound::{Accept, Handed, Listener, Outbound, Peer},
    smtp::{Envelope, LogIn, Recipient, Reply},
};

/// Takes every mail for everybody.
#[derive(Clone)]
pub struct Sink(pub Letterbox);

impl Accept for Sink {
    async fn recipient(&self, _: &Listener, _: &Peer, _: &Envelope, _: &Recipient) -> Reply {
        Reply::new(250, Enhanced::new(2, 1, 5), "ok")
    }

    async fn mail(&self, handed: Handed) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(handed.recipients.len());
        for recipient in &handed.recipients {
            replies.push(match self.0.deliver(&recipient.path.to_wire(), &handed.data).await {
                Ok(()) => Reply::new(250, Enhanced::new(2, 0, 0), "delivered"),
                Err(error) => {
                    observe::log::oddity("mailbox", error.kind());
                    Reply::new(452, Enhanced::new(4, 3, 1), "the mailbox cannot be written now")
                }
            });
        }
        replies
    }
}

/// The way out, with a copy of what it took in the writer's mailbox.
#[derive(Clone)]
pub struct Noting {
    pub outbound: Outbound,
    pub letterbox: Letterbox,
    /// The domain of Message-IDs that are given here.
    pub people: String,
}

impl Noting {
    /// A mail without a Message-ID gets one, as from any submission server (RFC 6409 8.3): answers refer to it.
    fn named(&self, data: Vec<u8>) -> Vec<u8> {
        let nameless = mail::read(&data).is_ok_and(|mail| mail.message_id.is_none());
        match nameless {
            true => [format!("Message-ID: <{}@{}>\r\n", MessageId::new(), self.people).into_bytes(), data].concat(),
            false => data,
        }
    }
}

impl Accept for Noting {
    async fn recipient(&self, listener: &Listener, peer: &Peer, envelope: &Envelope, recipient: &Recipient) -> Reply {
        self.outbound.recipient(listener, peer, envelope, recipient).await
    }

    async fn log_in(&self, listener: &Listener, peer: &Peer, user: &str, pass: &[u8]) -> LogIn {
        self.outbound.log_in(listener, peer, user, pass).await
    }

    async fn mail(&self, handed: Handed) -> Vec<Reply> {
        let sender = match &handed.envelope.from {
            ReversePath::Path(path) => Some(path.to_wire()),
            ReversePath::Null => None,
        };
        let data = self.named(handed.data);
        let handed = Handed { data: data.clone(), ..handed };
        let replies = self.outbound.mail(handed).await;
        let texts: Vec<MessageId> = replies.iter().flat_map(queued).collect();
        if let (Some(sender), false) = (sender, texts.is_empty()) {
            // The texts are queued: a copy that cannot be kept changes nothing about that.
            if let Err(error) = self.letterbox.written(&sender, &texts, &data).await {
                observe::log::oddity("mailbox", error.kind());
            }
        }
        replies
    }
}

/// The texts that an answer names: `queued as <id>[,<id>…]`.
fn queued(reply: &Reply) -> Vec<MessageId> {
    let ids = reply.words().strip_prefix("queued as ").filter(|_| reply.is_positive());
    ids.into_iter().flat_map(|ids| ids.split(',')).filter_map(|id| id.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_names_the_texts() {
        let (one, two) = (MessageId::new(), MessageId::new());
        let reply = |code, words: String| Reply::new(code, Enhanced::new(2, 0, 0), words);
        assert_eq!(queued(&reply(250, format!("queued as {one},{two}"))), [one, two]);
        assert!(queued(&reply(250, "kept as a dead letter".to_owned())).is_empty());
        assert!(queued(&reply(451, format!("queued as {one}"))).is_empty());
    }
}
