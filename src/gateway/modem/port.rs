//! Lines to modems: serial ports by path, by IMEI or by IMSI, and TCP.
//!
//! What can go wrong: the device is not there (yet), belongs to somebody else, or has a new name after it was plugged in
//! again. A pseudo-terminal has no control lines; nothing here needs them.

use std::{io, path::PathBuf, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_serial::SerialPortBuilderExt;

/// How long opening and each question of a search may take.
const OPENING: Duration = Duration::from_secs(10);
const QUESTION: Duration = Duration::from_secs(2);

/// Where a modem is.
#[derive(Clone, PartialEq, Eq)]
pub enum Device {
    /// `/dev/serial/by-id/…`, `/dev/ttyUSB0`.
    Serial(PathBuf),
    /// Host and port.
    Tcp(String),
    /// The one with this serial number, wherever it is plugged in.
    Imei(String),
    /// The one with this SIM.
    Imsi(String),
}

named!(Device);

impl std::str::FromStr for Device {
    type Err = &'static str;

    fn from_str(given: &str) -> Result<Self, &'static str> {
        let digits = |digits: &str| (14..=16).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
        match given.split_once(':') {
            Some(("tcp", rest)) => match rest.strip_prefix("//").filter(|place| has_port(place)) {
                Some(place) => Ok(Self::Tcp(place.to_owned())),
                None => Err("a TCP modem looks like tcp://host:port"),
            },
            Some(("imei", imei)) if digits(imei) => Ok(Self::Imei(imei.to_owned())),
            Some(("imsi", imsi)) if digits(imsi) => Ok(Self::Imsi(imsi.to_owned())),
            Some(("imei" | "imsi", _)) => Err("14 to 16 digits are wanted, as in imei:358000000000000"),
            _ if given.starts_with('/') => Ok(Self::Serial(PathBuf::from(given))),
            _ => Err("a path such as \"/dev/ttyUSB0\", \"tcp://host:port\", \"imei:…\" or \"imsi:…\" is wanted"),
        }
    }
}

fn has_port(place: &str) -> bool {
    place
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Serial(path) => write!(f, "{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp://{place}"),
            Self::Imei(imei) => write!(f, "imei:{imei}"),
            // A SIM's number is its owner's.
            Self::Imsi(_) => f.write_str("imsi:…"),
        }
    }
}

/// An open line.
pub trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}
pub type Port = Box<dyn Line>;

/// Opens the line; `search`: folders in which modems are looked for by their numbers.
pub async fn open(device: &Device, baud: u32, search: &[PathBuf]) -> io::Result<Port> {
    match device {
        Device::Serial(path) => serial(path, baud),
        Device::Tcp(place) => {
            let stream = tokio::time::timeout(OPENING, TcpStream::connect(place)).await??;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Device::Imei(imei) => find("AT+CGSN", imei, baud, search).await,
        Device::Imsi(imsi) => find("AT+CIMI", imsi, baud, search).await,
    }
}

fn serial(path: &std::path::Path, baud: u32) -> io::Result<Port> {
    let path = path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path is no UTF-8"))?;
    // Exclusive by default: another process, and another gateway of this one, cannot open it.
    let stream = tokio_serial::new(path, baud).open_native_async()?;
    Ok(Box::new(stream))
}

/// Names of serial devices that may be modems, in order.
fn candidates(search: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in search {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        let modem = |name: &str| ["ttyUSB", "ttyACM", "usb-", "modem"].iter().any(|prefix| name.starts_with(prefix));
        found.extend(entries.flatten().filter(|e| e.file_name().to_str().is_some_and(modem)).map(|e| e.path()));
    }
    found.sort();
    found
}

async fn find(question: &str, wanted: &str, baud: u32, search: &[PathBuf]) -> io::Result<Port> {
    for path in candidates(search) {
        let Ok(mut port) = serial(&path, baud) else { continue };
        if let Ok(Ok(true)) = tokio::time::timeout(QUESTION, answers(&mut port, question, wanted)).await {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "no modem answers with that number"))
}

/// Whether the modem says these digits.
async fn answers(port: &mut Port, question: &str, wanted: &str) -> io::Result<bool> {
    port.write_all(format!("\x1b\rATE0\r{question}\r").as_bytes()).await?;
    let (mut heard, mut buffer) = (Vec::new(), [0; 256]);
    while heard.len() < 4_096 {
        let n = port.read(&mut buffer).await?;
        if n == 0 {
            return Ok(false);
        }
        heard.extend(&buffer[..n]);
        let text = String::from_utf8_lossy(&heard);
        if text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits == wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        for given in ["/dev/ttyUSB0", "tcp://modem.example.test:2000", "tcp://[::1]:2000", "imei:358000000000000"] {
            assert_eq!(given.parse::<Device>().map(|device| device.to_string()), Ok(given.to_owned()));
        }
        for bad in ["", "ttyUSB0", "tcp://host", "tcp:host:1", "tcp://:1", "tcp://host:0", "imei:12", "imsi:x"] {
            assert!(bad.parse::<Device>().is_err(), "{bad}");
        }
        assert_eq!(Device::Imsi("001010000000000".into()).to_string(), "imsi:…");
    }
}
