//! One HTTP call per connection, as a shell script would make it.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use super::process::DEADLINE;

/// Calls `path` with `form` as the query (GET) or as the body (POST). Status and body.
pub fn call(port: u16, method: &str, path: &str, form: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n");
    let request = match method {
        "GET" => format!("GET {path}?{form} HTTP/1.1\r\n{host}\r\n"),
        _ => format!(
            "POST {path} HTTP/1.1\r\n{host}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ),
    };
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
    Ok((status, body.to_owned()))
}
