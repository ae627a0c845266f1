//! Lines of the simulated modem: a pseudo-terminal under a name of its own, or TCP.
//!
//! What can go wrong: who pulls the cable gets another terminal; the name is moved to it, as udev does.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
};
use tokio_serial::{SerialPort, SerialStream};

use super::{super::port::Line, Sim};
use crate::ground::Clock;

/// A simulated modem that is shared with whoever looks at it.
#[derive(Debug, Clone)]
pub struct Shared {
    sim: Arc<Mutex<Sim>>,
    poke: Arc<Notify>,
    clock: Clock,
}

impl Shared {
    pub fn new(sim: Sim, clock: Clock) -> Self {
        Self { sim: Arc::new(Mutex::new(sim)), poke: Arc::new(Notify::new()), clock }
    }

    fn sim(&self) -> MutexGuard<'_, Sim> {
        let mut sim = self.sim.lock().unwrap_or_else(PoisonError::into_inner);
        sim.now = self.clock.now();
        sim
    }

    /// Looks at it, or does something to it.
    pub fn with<T>(&self, look: impl FnOnce(&mut Sim) -> T) -> T {
        let result = look(&mut self.sim());
        self.poke.notify_one();
        result
    }

    fn step(&self, octets: &[u8]) -> (Vec<u8>, bool) {
        let mut sim = self.sim();
        sim.receive(octets);
        (sim.take_out(), sim.is_unplugged())
    }

    /// A pseudo-terminal under `link`, for ever; `opened` hears of each new one.
    pub async fn on_pty(self, link: PathBuf, mut opened: impl FnMut(&Path)) -> io::Result<()> {
        loop {
            // The other end is held open: a program that closes it is not the end of the modem.
            let (mut master, slave) = SerialStream::pair()?;
            let path = PathBuf::from(slave.name().ok_or_else(|| io::Error::other("the terminal has no name"))?);
            let _name = Name::new(link.clone(), &path)?;
            self.sim().power();
            opened(&path);
            self.serve(&mut master).await;
        }
    }

    /// Connections one after the other, for ever: the modem is on whoever is connected.
    pub async fn on_tcp(self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            self.sim().power();
            self.serve(&mut stream).await;
        }
    }

    /// Until the line is closed or the cable is pulled.
    async fn serve(&self, line: &mut impl Line) {
        let mut buffer = [0; 4_096];
        let mut read = 0;
        loop {
            let (out, unplugged) = self.step(&buffer[..read]);
            if line.write_all(&out).await.is_err() || unplugged {
                return;
            }
            read = tokio::select! {
                read = line.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(n) => n,
                },
                () = self.poke.notified() => 0,
            };
        }
    }
}

/// The name under which the terminal is found, like those of udev.
struct Name(PathBuf);

impl Name {
    fn new(link: PathBuf, terminal: &Path) -> io::Result<Self> {
        // What stands there is the name of a terminal that is gone.
        if link.is_symlink() {
            std::fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(terminal, &link)?;
        Ok(Self(link))
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // A name that is gone already is as good.
        let _ = std::fs::remove_file(&self.0);
    }
}
