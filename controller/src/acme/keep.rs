//! Keeping one certificate: getting it, renewing it in time, and trying again after a failure.

use super::client::Client;
use super::schedule::{Held, Next, Past, Window, next, state};
use super::store::{Store, held};
use jackfield_shared::config::Acme;
use jackfield_shared::log::Level;
use jackfield_shared::status;
use jackfield_shared::tls::{Challenge, Files};
use jackfield_worker::tls::new_request;
use jackfield_worker::{FromClient, Order, ToClient, Wanted};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// The longest sleep: the clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(15 * 60);

/// What is to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// The section.
    pub acme: Acme,
    /// The node directory.
    pub node_dir: PathBuf,
    /// Whether the node answers HTTP at port 80.
    pub http: bool,
    /// The files that the section names.
    pub files: Files,
}

impl PartialEq for Wish {
    fn eq(&self, other: &Self) -> bool {
        (&self.acme, self.http, &self.files) == (&other.acme, other.http, &other.files)
    }
}

/// What there is to tell.
#[derive(Debug)]
pub(crate) enum News {
    /// How it is.
    State(status::Acme),
    /// These challenges are to be known to all processes, and whoever waits is to be told that they are, or whether that
    /// was in vain.
    Challenges(Vec<Challenge>, Option<oneshot::Sender<bool>>),
    /// Something for the log.
    Log(Level, String),
}

/// Keeps a certificate for ever. Of all that share `turn` one orders at a time.
pub(crate) async fn keep(wish: Wish, turn: Rc<Mutex<()>>, tell: impl AsyncFn(News)) {
    let mut keeper = Keeper::begin(wish, tell).await;
    loop {
        let now = now();
        let next = next(keeper.held, &keeper.past, &keeper.settings, keeper.wish.acme.retry, now);
        keeper.tell_state(false).await;
        if next.at() > now {
            let left = Duration::from_secs(u64::try_from(next.at() - now).unwrap_or_default());
            sleep(left.min(NAP)).await;
            continue;
        }
        let _turn = turn.lock().await;
        match next {
            Next::Order(_) => keeper.order().await,
            Next::Ask(_) => keeper.ask().await,
        }
    }
}

struct Keeper<T> {
    wish: Wish,
    tell: T,
    store: Store,
    settings: String,
    past: Past,
    /// What is in the file.
    certificate: Option<String>,
    held: Option<Held>,
}

impl<T: AsyncFn(News)> Keeper<T> {
    async fn begin(wish: Wish, tell: T) -> Self {
        let (store, settings) = (Store::new(&wish.node_dir, &wish.acme), Store::settings(&wish.acme));
        let reading = store.clone();
        let read = spawn_blocking(move || (reading.past(), reading.certificate())).await;
        let (past, certificate) = read.unwrap_or_default();
        let held = held(certificate.as_deref(), &past, &settings);
        Self { wish, tell, store, settings, past, certificate, held }
    }

    async fn log(&self, level: Level, text: String) {
        let name = self.wish.acme.name();
        (self.tell)(News::Log(level, format!("certificate for {name} (ACME): {text}"))).await;
    }

    async fn tell_state(&self, is_ordering: bool) {
        let Acme { domains, directory, .. } = &self.wish.acme;
        let next = next(self.held, &self.past, &self.settings, self.wish.acme.retry, now());
        (self.tell)(News::State(status::Acme {
            domains: domains.clone(),
            directory: directory.clone(),
            state: state(self.held, &self.past, &self.settings, is_ordering),
            reason: self.past.reason.clone().filter(|_| self.past.tried == self.settings),
            failures: if self.past.tried == self.settings { self.past.failures } else { 0 },
            not_after: self.held.map(|held| held.not_after),
            next: (!is_ordering).then_some(next.at()),
        }))
        .await;
    }

    /// Orders a certificate; what there is stays where it is until there is another.
    async fn order(&mut self) {
        self.tell_state(true).await;
        let from = &self.wish.acme.directory;
        self.log(
            Level::Info,
            format!("asking {from} for one that is for {}", self.wish.acme.domains.join(", ")),
        )
        .await;
        let result = self.try_order().await;
        // Nobody asks for what was to be seen any longer.
        (self.tell)(News::Challenges(Vec::new(), None)).await;
        let (issued, window) = (self.past.issued.take(), self.past.window.take());
        self.past = match result {
            Ok((certificate, window)) => {
                self.certificate = Some(certificate);
                Past { issued: Some(self.settings.clone()), window, ..Past::default() }
            }
            Err(reason) => {
                let before = if self.past.tried == self.settings { self.past.failures } else { 0 };
                let (failures, tried) = (before.saturating_add(1), self.settings.clone());
                Past { issued, window, failures, failed: now(), tried, reason: Some(reason) }
            }
        };
        self.held = held(self.certificate.as_deref(), &self.past, &self.settings);
        self.keep_past().await;
        let next = next(self.held, &self.past, &self.settings, self.wish.acme.retry, now());
        let wait = (next.at() - now()).max(0);
        match &self.past.reason {
            None => self.log(Level::Info, format!("it is there; {}", renewed(wait))).await,
            Some(reason) => {
                let what = if self.held.is_some() {
                    "what there is stays in use"
                } else {
                    "a self-made one is shown"
                };
                self.log(Level::Error, format!("{reason}; {what}, and it is tried again in {wait} s")).await;
            }
        }
    }

    async fn try_order(&mut self) -> Result<(String, Option<Window>), String> {
        let domains = self.wish.acme.domains.clone();
        let making = {
            let domains = domains.clone();
            spawn_blocking(move || new_request(&domains))
        };
        let (key, request) = making.await.map_err(|e| e.to_string())??;
        let replaces = self.certificate.clone().filter(|_| self.past.window.is_some());
        let wanted = Wanted::Certificate { domains, request, http: self.wish.http, replaces };
        let (chain, window) = self.talk(wanted).await?;
        let chain = chain.ok_or("the ACME client came to an end without a certificate")?;
        let (store, certificate) = (self.store.clone(), format!("{key}{chain}"));
        let kept = spawn_blocking(move || store.keep_certificate(&key, &chain));
        kept.await.map_err(|e| e.to_string())??;
        Ok((certificate, window))
    }

    /// Asks when the certificate had better be renewed.
    async fn ask(&mut self) {
        let Some(certificate) = self.certificate.clone() else { return };
        let before = self.past.window;
        self.past.window = match self.talk(Wanted::Window(certificate)).await {
            Ok((_, window)) => window,
            Err(reason) => {
                self.log(Level::Debug, format!("the directory can't be asked when to renew it: {reason}"))
                    .await;
                before.map(|window| window.later(now()))
            }
        };
        self.keep_past().await;
    }

    /// Lets a client do what is wanted.
    async fn talk(&mut self, wanted: Wanted) -> Result<(Option<String>, Option<Window>), String> {
        let Acme { contact, directory, ca_certificates, timeout, .. } = self.wish.acme.clone();
        let store = self.store.clone();
        let account = spawn_blocking(move || store.account()).await.map_err(|e| e.to_string())?;
        let files = self.wish.files.clone();
        let timeout_s = timeout.as_secs();
        let order = Order { directory, contact, ca_certificates, files, account, wanted, timeout_s };
        let mut client = Client::start(self.wish.acme.name(), order).await?;
        let (mut chain, mut window) = (None, None);
        loop {
            match client.hear().await? {
                FromClient::Account(account) => {
                    let store = self.store.clone();
                    let kept = spawn_blocking(move || store.keep_account(&account));
                    kept.await.map_err(|e| e.to_string())??;
                }
                FromClient::Challenges(challenges) => {
                    let (answer, known) = oneshot::channel();
                    (self.tell)(News::Challenges(challenges, Some(answer))).await;
                    if !known.await.unwrap_or(false) {
                        return Err("not every worker process has got to know the challenge in time".into());
                    }
                    client.say(ToClient::Known).await?;
                }
                FromClient::Certificate(text) => chain = Some(text),
                FromClient::Window { start, end, again_s } => {
                    window = Some(Window::new(start, end, again_s, now()));
                }
                FromClient::Done => return Ok((chain, window)),
                FromClient::Failed { reason, no_account } => {
                    if no_account {
                        let store = self.store.clone();
                        let _ = spawn_blocking(move || store.forget_account()).await;
                    }
                    return Err(reason);
                }
            }
        }
    }

    async fn keep_past(&self) {
        let (store, past) = (self.store.clone(), self.past.clone());
        let kept = spawn_blocking(move || store.keep_past(&past)).await;
        if let Err(e) = kept.map_err(|e| e.to_string()).flatten() {
            self.log(Level::Error, format!("what has happened can't be kept: {e}")).await;
        }
    }
}

fn renewed(seconds: i64) -> String {
    match seconds / 86400 {
        0 => format!("it is renewed in {seconds} s"),
        days => format!("it is renewed in {days} days"),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
