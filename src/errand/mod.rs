//! What rules have done outside of Martlet: one attempt at one program, HTTP request or SQL statement, and what it came to.
//!
//! | what | file |
//! |---|---|
//! | a program: no shell, nothing of our environment, its whole process group ends with it | `program` |
//! | an HTTP request: the host that the rule names and no other, no redirects | `call` |
//! | an SQL statement with bound values | `sql` |
//!
//! The same three answer questions before a commit: a verdict, or whether a statement returns rows. When to try again,
//! whom to tell and when to give up is decided elsewhere. What can go wrong: everything outside; each attempt is bounded
//! in time, octets and number.

mod call;
mod program;
mod sql;

use std::{path::PathBuf, time::Duration};

use tokio::sync::Semaphore;

pub use sql::{Database, Databases, Engine, Prepared};

use crate::{
    address::Trace,
    ground::{Clock, Enhanced, Fault, MessageId, Outcome, Scope, Swap},
    rules::{Deed, Question, Verdict, deed},
};

/// What all attempts go by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `PATH` of programs.
    pub path: String,
    /// Where programs run that name no folder.
    pub dir: PathBuf,
    /// Octets that are kept of what a program or a server says; the rest is read and dropped.
    pub output: usize,
    /// Authorities that servers of `https` calls are held against; `None`: the system's.
    pub ca: Option<PathBuf>,
    /// Questions before a commit that are asked at once.
    pub questions: usize,
    pub clock: Clock,
}

/// Which errand it is: whoever gets it twice can tell.
#[derive(Debug, Clone)]
pub struct Tag {
    pub id: MessageId,
    /// From 1.
    pub attempt: u32,
    /// Hosts of ours that the message went through, this one included.
    pub trace: Trace,
}

/// What the hands work with, made from settings.
pub struct Tools {
    settings: Settings,
    client: call::Client,
    asking: Semaphore,
}

/// The hands; one for the whole process. What is under way goes on with the tools that it began with.
pub struct Hands {
    tools: Swap<Tools>,
    databases: Swap<Databases>,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hands({:?})", self.databases.now())
    }
}

impl Settings {
    /// The defaults: the system's programs, `/`, 64 KiB, four questions at once.
    pub fn new(clock: Clock) -> Self {
        let path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        Self { path, dir: "/".into(), output: 64 << 10, ca: None, questions: 4, clock }
    }
}

impl Tools {
    /// # Errors
    /// The authorities cannot be read: one line.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = call::Client::new(settings.ca.as_deref())?;
        let asking = Semaphore::new(settings.questions.max(1));
        Ok(Self { client, asking, settings })
    }
}

impl Hands {
    pub fn new(tools: Tools, databases: Databases) -> Self {
        Self { tools: Swap::new(tools), databases: Swap::new(databases) }
    }

    /// From now on these tools.
    pub fn take_up(&self, tools: Tools) {
        self.tools.replace(tools);
    }

    /// From now on these databases and statements.
    pub fn replace(&self, databases: Databases) {
        self.databases.replace(databases);
    }

    pub async fn run(&self, tag: &Tag, program: &deed::Program) -> Outcome {
        done(program::run(&self.tools.now().settings, tag, program).await)
    }

    pub async fn call(&self, tag: &Tag, call: &deed::Call) -> Outcome {
        let tools = self.tools.now();
        done(tools.client.call(&tools.settings, tag, call).await)
    }

    pub async fn sql(&self, statement: &deed::Statement) -> Outcome {
        match self.databases.now().execute(&statement.name, &statement.values).await {
            Ok(()) => Outcome::Sent(None),
            Err(outcome) => outcome,
        }
    }

    /// The verdict on a message, within the time that the rule gives it.
    ///
    /// # Errors
    /// There is none, and why.
    pub async fn ask(&self, tag: &Tag, question: &Question, within: Duration) -> Result<Verdict, Fault> {
        let tools = self.tools.now();
        let Tools { settings, client, asking } = &*tools;
        let said = async {
            let _place = asking.acquire().await;
            match &question.deed {
                Deed::Run(program) => program::run(settings, tag, program).await,
                Deed::Call(call) => client.call(settings, tag, call).await,
                Deed::Sql(_) => Err(Outcome::Never(fault(5, "a statement gives no verdict"))),
            }
        };
        let late = || Err(Outcome::Later(fault(4, "no verdict in time")));
        let said = tokio::time::timeout(within.min(question.asks.wait), said).await.unwrap_or_else(|_| late());
        match said {
            Ok(said) => Verdict::read(&said).map_err(|why| fault(5, &why)),
            Err(Outcome::Later(fault) | Outcome::Never(fault) | Outcome::Unsure(fault)) => Err(fault),
            Err(Outcome::Sent(_)) => Ok(Verdict::pass()),
        }
    }

    /// Does the statement return rows?
    ///
    /// # Errors
    /// It could not be run, and why.
    pub async fn rows(&self, name: &str, values: &[String], within: Duration) -> Result<bool, Fault> {
        let databases = self.databases.now();
        let asked = databases.returns_rows(name, values);
        let late = || Err(Outcome::Later(fault(4, "the database did not answer in time")));
        match tokio::time::timeout(within, asked).await.unwrap_or_else(|_| late()) {
            Ok(any) => Ok(any),
            Err(Outcome::Later(fault) | Outcome::Never(fault) | Outcome::Unsure(fault)) => Err(fault),
            Err(Outcome::Sent(_)) => Ok(false),
        }
    }
}

/// What was said is of no interest once it is done.
fn done(said: Result<Vec<u8>, Outcome>) -> Outcome {
    said.map_or_else(|outcome| outcome, |_| Outcome::Sent(None))
}

fn fault(class: u8, words: &str) -> Fault {
    Fault::new(Scope::Message, Enhanced::new(class, 3, 0), words)
}

fn later(words: impl AsRef<str>) -> Outcome {
    Outcome::Later(fault(4, words.as_ref()))
}

fn never(words: impl AsRef<str>) -> Outcome {
    Outcome::Never(fault(5, words.as_ref()))
}
