//! Octets of an IMAP server → greetings and responses (RFC 9051 7), each bounded. Pure.
//!
//! Leniency: octets over 127 become `?` (servers write words in their own language; nothing that is read here needs
//! them), and untagged responses that cannot be read are passed on as unknown. What can go wrong: a response without an
//! end, or a tagged one that is none.

use imap_codec::{
    GreetingCodec, ResponseCodec,
    decode::Decoder,
    fragmentizer::Fragmentizer,
    imap_types::{
        IntoStatic,
        response::{Greeting, Response},
    },
};

/// Octets of one response.
const RESPONSE_CAP: u32 = 64 * 1024;
/// Octets of all responses to one mail: no server has that much to say about it.
const TALK_CAP: usize = 1024 * 1024;

/// What came. No `Debug`: servers repeat names in their words.
pub enum Came {
    Greeting(Greeting<'static>),
    Response(Box<Response<'static>>),
    /// An untagged response that is not understood.
    Unknown(Vec<u8>),
}

/// What the other side sent is no response, or endless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoResponse;

/// Reads responses out of a stream of octets.
pub struct Reader {
    fragments: Fragmentizer,
    /// Octets that no response was made of so far.
    pending: Vec<u8>,
    taken: usize,
    greeted: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { fragments: Fragmentizer::new(RESPONSE_CAP), pending: Vec::new(), taken: 0, greeted: false }
    }
}

impl Reader {
    /// Takes what came over the line.
    ///
    /// # Errors
    /// The server talks without end.
    pub fn feed(&mut self, octets: &[u8]) -> Result<(), NoResponse> {
        self.taken += octets.len();
        if self.taken > TALK_CAP {
            return Err(NoResponse);
        }
        self.pending.extend_from_slice(octets);
        Ok(())
    }

    /// Another mail may be talked about.
    pub fn next_mail(&mut self) {
        self.taken = self.pending.len();
    }

    /// Octets came that nobody has asked for, or not all of them.
    pub fn has_more(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next response, if it is there as a whole.
    ///
    /// # Errors
    /// What came is none.
    pub fn take(&mut self) -> Result<Option<Came>, NoResponse> {
        while !self.pending.is_empty() {
            let end = self.pending.iter().position(|b| *b == b'\n').map_or(self.pending.len(), |at| at + 1);
            self.fragments.enqueue_bytes(&self.pending[..end]);
            self.pending.drain(..end);
            while self.fragments.progress().is_some() {
                if self.fragments.is_message_complete() {
                    return self.read().map(Some);
                }
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Result<Came, NoResponse> {
        if self.fragments.is_max_message_size_exceeded() {
            return Err(NoResponse);
        }
        let ascii = |b: &u8| if b.is_ascii() { *b } else { b'?' };
        let octets: Vec<u8> = self.fragments.message_bytes().iter().map(ascii).collect();
        if !self.greeted {
            self.greeted = true;
            return match GreetingCodec::default().decode(&octets) {
                Ok((_, greeting)) => Ok(Came::Greeting(greeting.into_static())),
                Err(_) => Err(NoResponse),
            };
        }
        match ResponseCodec::default().decode(&octets) {
            Ok(([], response)) => Ok(Came::Response(Box::new(response.into_static()))),
            _ if octets.starts_with(b"* ") => Ok(Came::Unknown(octets)),
            _ => Err(NoResponse),
        }
    }
}

#[cfg(test)]
mod tests {
    use imap_codec::imap_types::response::{Data, Status};

    use super::*;

    fn all(text: &[u8]) -> Result<Vec<Came>, NoResponse> {
        let mut reader = Reader::default();
        reader.feed(b"* OK hello\r\n")?;
        reader.feed(text)?;
        let mut came = Vec::new();
        while let Some(one) = reader.take()? {
            came.push(one);
        }
        Ok(came)
    }

    #[test]
    fn responses_come_in_pieces_and_together() {
        let mut reader = Reader::default();
        for octet in b"* OK hello\r\n* SEARCH 1 2\r" {
            reader.feed(&[*octet]).expect("sound");
        }
        assert!(matches!(reader.take(), Ok(Some(Came::Greeting(_)))));
        assert!(matches!(reader.take(), Ok(None)));
        reader.feed(b"\nm1 OK done\r\n").expect("sound");
        let Ok(Some(Came::Response(found))) = reader.take() else { panic!("no response") };
        assert!(matches!(*found, Response::Data(Data::Search(_))));
        assert!(reader.has_more());
        let Ok(Some(Came::Response(found))) = reader.take() else { panic!("no response") };
        assert!(matches!(*found, Response::Status(Status::Tagged(_))) && !reader.has_more());
    }

    #[test]
    fn a_literal_belongs_to_its_response() {
        let came = all(b"* LIST () \"/\" {6}\r\na\r\nb]c\r\n* OK x\r\n").expect("sound");
        assert_eq!(came.len(), 3);
    }

    #[test]
    fn foreign_words_and_unknown_data_are_passed_over() {
        let came = all("m1 NO [OVERQUOTA] Kein Platz für Größeres\r\n".as_bytes()).expect("sound");
        assert!(matches!(&came[1], Came::Response(_)));
        assert!(matches!(&all(b"* XYZZY (a b\r\n").expect("sound")[1], Came::Unknown(_)));
    }

    #[test]
    fn what_is_no_response_or_endless_is_refused() {
        for bad in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"m1\r\n", b"\r\n", b"m1 WHAT x\r\n"] {
            assert_eq!(all(bad).err(), Some(NoResponse), "{bad:?}");
        }
        assert_eq!(Reader::default().feed(&vec![b'a'; TALK_CAP + 1]), Err(NoResponse));
        let long = [b"* OK ".as_slice(), &vec![b'a'; RESPONSE_CAP as usize], b"\r\n"].concat();
        assert_eq!(all(&long).err(), Some(NoResponse));
        let mut reader = Reader::default();
        reader.feed(b"m1 OK too early\r\n").expect("bounded");
        assert!(reader.take().is_err(), "no greeting");
    }
}
