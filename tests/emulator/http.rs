//! As much of HTTP/1.1 as providers need here: requests read octet for octet, and calls to the daemon's hooks.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request as it came, or a call that is to be made.
#[derive(Debug, Clone, Default)]
pub struct Call {
    pub method: String,
    pub target: String,
    /// Names as they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    /// The only field of this name.
    pub fn header(&self, name: &str) -> Result<&str, String> {
        let mut fields = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match (fields.next(), fields.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err(format!("no {name}")),
            _ => Err(format!("{name} twice")),
        }
    }
}

/// The next request of a connection; `None`: it ended between two, or is none.
pub async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Call> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut line = lines.next()?.splitn(3, ' ');
    let (method, target) = (line.next()?.to_owned(), line.next()?.to_owned());
    if line.next()? != "HTTP/1.1" {
        return None;
    }
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = lines.map(field).collect::<Option<Vec<_>>>()?;
    let mut call = Call { method, target, headers, body: Vec::new() };
    let length: usize = call.header("content-length").ok()?.parse().ok()?;
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    call.body = buffer.drain(..length).collect();
    Some(call)
}

/// The status that the daemon answers a call with; `None`: it could not be made, or was not answered.
pub async fn make(port: u16, call: &Call) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: sms.example.com\r\nConnection: close\r\n", call.method, call.target);
    for (name, value) in &call.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", call.body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&call.body).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}
