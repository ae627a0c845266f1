//! A wire that breaks at the worst moment: a mail was taken, and its `250` never arrives.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Passes connections on to `to`; the first answer behind a `354` is swallowed and that connection ended.
pub struct Cut {
    pub port: u16,
    /// Whether it has happened.
    pub done: Arc<AtomicBool>,
}

impl Cut {
    pub fn before(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let flag = Arc::clone(&flag);
                std::thread::spawn(move || pass_on(&client, to, &flag));
            }
        });
        Self { port, done }
    }
}

fn pass_on(client: &TcpStream, to: u16, done: &AtomicBool) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", to))?;
    let (mut up_from, mut up_to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let (mut from, mut back) = (server, client);
    let (mut buffer, mut in_data) = ([0; 4096], false);
    loop {
        let n = from.read(&mut buffer)?;
        let answer = &buffer[..n];
        if n == 0 || (in_data && answer.starts_with(b"250") && !done.swap(true, Ordering::SeqCst)) {
            return client.shutdown(Shutdown::Both);
        }
        in_data = String::from_utf8_lossy(answer).lines().any(|l| l.starts_with("354"));
        back.write_all(answer)?;
    }
}
