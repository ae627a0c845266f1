//! Chromium, driven by the WebDriver protocol (W3C) through Debian's `chromedriver`.
//!
//! One browser per test, with a folder of its own, ended with its driver. Nothing waits for time: facts of the page are
//! asked for until they are so.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
};

use base64::Engine as _;
use serde_json::{Value, json};

use super::process::{DEADLINE, Running, Scratch, free_port, until};

/// Keys that are no characters (WebDriver 17.4.2).
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';
pub const DOWN: char = '\u{e015}';

pub struct Browser {
    driver: Running,
    port: u16,
    session: String,
}

impl Browser {
    pub fn start(scratch: &Scratch) -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("TMPDIR", scratch.dir("browser-tmp"));
        let mut driver = Running::start("chromedriver", &mut command, &scratch.path().join("chromedriver.log"));
        driver.wait_for("a driver that is ready", || {
            call(port, "GET", "/status", None).ok()?["ready"].as_bool().filter(|ready| *ready)
        });
        let profile = format!("--user-data-dir={}", scratch.dir("browser").display());
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &profile,
        ];
        let options = json!({ "args": flags });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let answer = call(port, "POST", "/session", Some(&wanted)).unwrap_or_else(|why| panic!("no session: {why}"));
        let session = answer["sessionId"].as_str().expect("a session").to_owned();
        Self { driver, port, session }
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        let body = (method == "POST").then_some(body);
        call(self.port, method, &path, body).unwrap_or_else(|why| panic!("{method} {path}: {why}"))
    }

    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// What a function body gives in the page.
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    pub fn url(&self) -> String {
        self.command("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The page as it stands.
    pub fn source(&self) -> String {
        self.command("GET", "/source", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// Asks the page until the expression is true.
    pub fn until(&self, what: &str, expression: &str) {
        until(what, || self.run(&format!("return Boolean({expression})")).as_bool().filter(|is| *is));
    }

    fn element(&self, css: &str) -> String {
        let found = self.command("POST", "/element", &json!({ "using": "css selector", "value": css }));
        let id = found.as_object().and_then(|object| object.values().next()?.as_str().map(str::to_owned));
        id.unwrap_or_else(|| panic!("no element {css}"))
    }

    /// Clicks where a person would: in the middle of the window, clear of the bar that stays at its top.
    pub fn click(&self, css: &str) {
        let centre = json!({ "block": "center", "inline": "nearest" });
        let script = format!("document.querySelector({css:?}).scrollIntoView({centre})");
        self.run(&script);
        self.command("POST", &format!("/element/{}/click", self.element(css)), &json!({}));
    }

    /// Types into a field that is emptied first.
    pub fn fill(&self, css: &str, words: &str) {
        let element = self.element(css);
        self.command("POST", &format!("/element/{element}/clear"), &json!({}));
        self.command("POST", &format!("/element/{element}/value"), &json!({ "text": words }));
    }

    /// Presses keys one by one, wherever the focus is.
    pub fn keys(&self, keys: &str) {
        let press = |key: char| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] });
        self.command("POST", "/actions", &body);
    }

    /// Presses Tab until the focus is at an element that fits; it must be reached within 150 steps.
    pub fn tab_to(&self, css: &str) {
        for _ in 0..150 {
            self.keys(&TAB.to_string());
            if self.run(&format!("return document.activeElement.matches({css:?})")) == json!(true) {
                return;
            }
        }
        panic!("Tab never comes to {css}");
    }

    /// A command of the browser's own protocol.
    fn browser(&self, command: &str, params: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    pub fn size(&self, width: u32, height: u32) {
        let mobile = width < 700;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.browser("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// `light` or `dark`. Nothing moves: a driver clicks where things were when it looked.
    pub fn scheme(&self, scheme: &str) {
        let feature = |name: &str, value: &str| json!({ "name": name, "value": value });
        let features = [feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")];
        let features = json!({ "features": features });
        self.browser("Emulation.setEmulatedMedia", &features);
    }

    pub fn without_scripts(&self) {
        self.browser("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    }

    /// A PNG of what is to be seen.
    pub fn picture(&self) -> Vec<u8> {
        let shot = self.browser("Page.captureScreenshot", &json!({ "format": "png" }));
        let data = shot["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }

    /// What the console of the page said since the last question, without what is only said by the way.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let grave = entries.iter().filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")));
        grave.map(|entry| entry["message"].as_str().unwrap_or("?").to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser with the session; a driver that is gone has ended it already.
        let _ = call(self.port, "DELETE", &format!("/session/{}", self.session), None);
        let _ = self.driver.pid();
    }
}

/// One call of the protocol: the `value` of its answer, or what went wrong.
fn call(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let said = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(said)?;
    stream.set_read_timeout(Some(DEADLINE)).map_err(said)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).map_err(said)?;
    let (head, body) = answer(&mut BufReader::new(stream)).map_err(said)?;
    let value: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(value["value"].clone()),
        _ => Err(value["value"]["message"].as_str().unwrap_or(&body).to_owned()),
    }
}

/// Status line and body. The driver leaves the connection open, whatever it is asked: the length decides.
fn answer(from: &mut impl BufRead) -> std::io::Result<(String, String)> {
    let mut status = String::new();
    from.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
