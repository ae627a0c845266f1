//! What the page asks for: itself, its parts, and the forms. Every form works without a script: then the page comes
//! again; with one (`Accept: text/plain`) there is one line, or nothing when all is well.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Form as Fields, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        Html, IntoResponse, Redirect, Response,
        sse::{Event, Sse},
    },
    routing::{get, post},
};
use minijinja::Environment;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{
    SENDERS, Trial,
    letters::Kind,
    view::{self, Facts, Fate},
    write::{self, Form},
};
use crate::{address::Destination, gateway::handset::Behaviour};

const PAGE: &str = include_str!("../../../html/try/page.html");
const STYLE: &str = include_str!("../../../html/try/style.css");
const SCRIPT: &str = include_str!("../../../html/try/script.js");
const ICON: &str = include_str!("../../../html/try/icon.svg");

/// Nothing from anywhere else, no inline script or style, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Pages that are told of changes at once.
const WATCHERS: usize = 32;
/// Changes within this time are told together.
const GATHER: Duration = Duration::from_millis(60);
/// Characters of one typed text.
const LONGEST: usize = 2_000;

struct Shared {
    trial: Trial,
    env: Environment<'static>,
    watchers: Arc<Semaphore>,
}

/// The pages, to stand behind the guard of the HTTP door.
pub fn router(trial: Trial) -> Router {
    let mut env = Environment::new();
    env.add_template("page.html", PAGE).expect("the page is a template; a test renders it");
    let shared = Arc::new(Shared { trial, env, watchers: Arc::new(Semaphore::new(WATCHERS)) });
    Router::new()
        .route("/", get(index))
        .route("/changes", get(changes))
        .route("/mail", post(send_mail))
        .route("/mail/{n}", get(raw_mail))
        .route("/phone", post(add_phone))
        .route("/phone/text", post(type_text))
        .route("/network", post(behave))
        .route("/try/style.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .route("/try/script.js", get(|| file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/try/icon.svg", get(|| file("image/svg+xml", ICON)))
        .layer(axum::middleware::map_response(strict))
        .with_state(shared)
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn strict(mut response: Response) -> Response {
    let fields = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Where the page stands: whose mailbox, and which mail is being answered.
#[derive(Deserialize, Default)]
struct Place {
    mailbox: Option<String>,
    answer: Option<u64>,
}

async fn index(State(shared): State<Arc<Shared>>, Query(place): Query<Place>) -> Response {
    let form = shared.blank(place.answer);
    shared.page(place.mailbox.as_deref(), &form, None).await
}

#[derive(Deserialize)]
struct MailFields {
    from: String,
    to: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    receipt: Option<String>,
    #[serde(default)]
    answers: String,
}

async fn send_mail(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(given): Fields<MailFields>,
) -> Response {
    let form = Form {
        from: given.from,
        to: given.to,
        subject: given.subject,
        text: given.text,
        receipt: given.receipt.is_some(),
        answers: given.answers.parse().ok(),
    };
    match write::send(&shared.trial, &form).await {
        Ok(()) => done(&headers, "/#mailbox"),
        Err(why) if is_scripted(&headers) => wrong(why),
        Err(why) => shared.page(None, &form, Some(&why)).await,
    }
}

#[derive(Deserialize)]
struct TextFields {
    phone: String,
    text: String,
}

async fn type_text(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(given): Fields<TextFields>,
) -> Response {
    let Some(phone) = shared.phone(&given.phone) else { return wrong("There is no such phone.".to_owned()) };
    let words = given.text.trim();
    if words.is_empty() || words.chars().count() > LONGEST {
        return wrong(format!("Type something, at most {LONGEST} characters."));
    }
    match shared.trial.phones.type_text(&phone, words).await {
        Ok(()) => done(&headers, &format!("/#phone-{}", phone.as_str().trim_start_matches('+'))),
        Err(why) => wrong(format!("Not sent: {why}.")),
    }
}

#[derive(Deserialize)]
struct PhoneFields {
    number: String,
}

async fn add_phone(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(given): Fields<PhoneFields>,
) -> Response {
    match shared.trial.numbering.read(&given.number) {
        Ok(reading) => {
            shared.trial.phones.add(&reading.destination);
            done(&headers, &format!("/#phone-{}", reading.destination.as_str().trim_start_matches('+')))
        }
        Err(why) => wrong(format!("That is no number of a phone: {why}.")),
    }
}

#[derive(Deserialize)]
struct NetworkFields {
    /// Empty: all.
    #[serde(default)]
    phone: String,
    behaviour: String,
}

async fn behave(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Fields(given): Fields<NetworkFields>,
) -> Response {
    let behaviour: Behaviour = match given.behaviour.parse() {
        Ok(behaviour) => behaviour,
        Err(why) => return wrong(why.to_owned()),
    };
    if given.phone.is_empty() {
        shared.trial.phones.behave(None, behaviour);
        return done(&headers, "/#phones");
    }
    let Some(phone) = shared.phone(&given.phone) else { return wrong("There is no such phone.".to_owned()) };
    shared.trial.phones.behave(Some(&phone), behaviour);
    done(&headers, &format!("/#phone-{}", phone.as_str().trim_start_matches('+')))
}

async fn raw_mail(State(shared): State<Arc<Shared>>, Path(n): Path<u64>) -> Response {
    match shared.trial.letterbox.raw(n) {
        Ok(octets) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], octets).into_response(),
        Err(_) => (StatusCode::NOT_FOUND, "This mail is not kept any more.\n").into_response(),
    }
}

/// One event per change, as long as the page is open.
async fn changes(State(shared): State<Arc<Shared>>) -> Response {
    let Ok(permit) = shared.watchers.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.\n").into_response();
    };
    let (phones, letters) = (shared.trial.phones.changes(), shared.trial.letterbox.changes());
    let events = futures_util::stream::unfold((phones, letters, shared, permit), |mut state| async move {
        let (phones, letters, shared, _) = &mut state;
        let stopping = shared.trial.stopping.clone();
        tokio::select! {
            changed = phones.changed() => changed.ok()?,
            changed = letters.changed() => changed.ok()?,
            () = stopping.cancelled() => return None,
        }
        shared.trial.clock.sleep(GATHER).await;
        phones.borrow_and_update();
        letters.borrow_and_update();
        Some((Ok::<_, Infallible>(Event::default().data("changed")), state))
    });
    Sse::new(events).into_response()
}

impl Shared {
    /// A form to be filled in; for an answer with its address and subject.
    fn blank(&self, answer: Option<u64>) -> Form {
        let trial = &self.trial;
        let first = Form {
            from: format!("{}@{}", SENDERS[0], trial.people),
            to: super::PHONES[0].to_owned(),
            subject: "Dinner".to_owned(),
            ..Form::default()
        };
        let answered = answer.and_then(|n| trial.letterbox.read().into_iter().find(|letter| letter.n == n));
        match answered.filter(|letter| letter.kind == Kind::Reply) {
            None => first,
            Some(letter) => {
                Form { from: letter.mailbox, to: letter.from, subject: letter.subject, answers: answer, ..first }
            }
        }
    }

    fn phone(&self, number: &str) -> Option<Destination> {
        let number: Destination = number.to_owned().try_into().ok()?;
        self.trial.phones.read().into_iter().map(|phone| phone.number).find(|known| *known == number)
    }

    async fn page(&self, mailbox: Option<&str>, form: &Form, wrong: Option<&str>) -> Response {
        let trial = &self.trial;
        let (phones, letters) = (trial.phones.read(), trial.letterbox.read());
        let mut fates = Vec::new();
        // Older ones are over by now, or are looked at in the queue.
        for id in letters.iter().rev().take(60).flat_map(|letter| letter.texts.iter().take(view::TEXTS)) {
            if let Ok(Some(shown)) = trial.store.show(*id).await {
                fates.push(Fate { id: *id, shown });
            }
        }
        let page = view::page(&Facts {
            phones: &phones,
            letters: &letters,
            fates: &fates,
            people: &trial.people,
            sms_domain: &trial.sms_domain,
            command: &trial.command,
            mailbox: mailbox.filter(|mailbox| !mailbox.is_empty()),
            form,
            wrong,
        });
        let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        match self.env.get_template("page.html").and_then(|template| template.render(minijinja::value::Serde(page))) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                crate::observe::log::oddity("page", error.kind());
                (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown.\n").into_response()
            }
        }
    }
}

fn is_scripted(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/plain")
}

fn done(headers: &HeaderMap, then: &str) -> Response {
    match is_scripted(headers) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => Redirect::to(then).into_response(),
    }
}

fn wrong(why: String) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, why).into_response()
}
