//! One certificate, from account to chain.

use super::http::Http;
use super::message::{Account as Known, FromClient, Order, Wanted};
use crate::tls::{challenge_certificate, renewal_id};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order as Ordered, OrderStatus, RetryPolicy,
};
use jackfield_shared::tls::Challenge;
use std::time::Duration;

/// Why there is no certificate.
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether the directory does not know the account.
    pub(super) no_account: bool,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, no_account: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let no_account = matches!(&error, Error::Api(problem)
            if problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist"));
        Self { reason: words(&error), no_account }
    }
}

/// What the library says, as words of ours where they are for developers.
fn words(error: &Error) -> String {
    match error {
        Error::Api(problem) => format!("the directory says: {}", of_problem(problem)),
        Error::Json(e) => format!("the answer of the directory is not what RFC 8555 says: {e}"),
        Error::Timeout(_) => "the directory has not come to an end with it in time".into(),
        error => error.to_string(),
    }
}

fn of_problem(problem: &instant_acme::Problem) -> String {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
    let detail = problem.detail.as_deref().unwrap_or("nothing more");
    let mut text = format!("{detail} ({kind})");
    for more in &problem.subproblems {
        let name = match &more.identifier {
            Some(Identifier::Dns(name)) => format!("{name}: "),
            _ => String::new(),
        };
        text += &format!("; {name}{}", more.detail.as_deref().unwrap_or_default());
    }
    text
}

/// Speaks with the controller.
pub(super) trait Talk {
    /// Tells it something.
    async fn say(&mut self, word: FromClient) -> Result<(), String>;
    /// Waits until all processes know the challenges.
    async fn known(&mut self) -> Result<(), String>;
}

/// Does what is ordered.
pub(super) async fn carry_out(order: Order, talk: &mut impl Talk) -> Result<(), Failure> {
    let limit = Duration::from_secs(order.timeout_s);
    let (ca_certificates, files) = (order.ca_certificates.clone(), order.files.clone());
    let http = || Box::new(Http::new(ca_certificates.clone(), files.clone()));
    let account = account(&order, http, talk).await?;
    match &order.wanted {
        Wanted::Certificate { domains, request, http, replaces } => {
            let replaces = replaces.as_deref().and_then(id);
            let mut ordered = begin(&account, domains, replaces).await?;
            let chain = get(&mut ordered, request, *http, limit, talk).await?;
            let renewal = id(&chain);
            talk.say(FromClient::Certificate(chain)).await?;
            // It is there, whatever the directory says about its renewal.
            if let Some(id) = renewal {
                let _ = window(&account, &id, talk).await;
            }
        }
        Wanted::Window(certificate) => {
            let id =
                id(certificate).ok_or_else(|| "the certificate does not say who issued it".to_owned())?;
            window(&account, &id, talk).await?;
        }
    }
    Ok(())
}

/// The account: the one there is, or a new one.
async fn account(
    order: &Order,
    http: impl Fn() -> Box<Http>,
    talk: &mut impl Talk,
) -> Result<Account, Failure> {
    let contact: Vec<_> = order.contact.as_deref().into_iter().collect();
    let Some(known) = &order.account else {
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) =
            Account::builder_with_http(http()).create(&new, order.directory.clone(), None).await?;
        let credentials = serde_json::to_value(credentials).map_err(|e| e.to_string())?;
        talk.say(FromClient::Account(Known { credentials, contact: order.contact.clone() })).await?;
        return Ok(account);
    };
    let credentials = serde_json::from_value(known.credentials.clone())
        .map_err(|_| "the file of the account is garbled; without it a new one is made".to_owned())?;
    let account = Account::builder_with_http(http()).from_credentials(credentials).await?;
    if known.contact != order.contact {
        account.update_contacts(&contact).await?;
        talk.say(FromClient::Account(Known { contact: order.contact.clone(), ..known.clone() })).await?;
    }
    Ok(account)
}

/// By what the directory knows a certificate.
fn id(certificate: &str) -> Option<CertificateIdentifier<'static>> {
    let (authority, serial) = renewal_id(certificate)?;
    Some(CertificateIdentifier {
        authority_key_identifier: BASE64_URL_SAFE_NO_PAD.encode(authority).into(),
        serial: BASE64_URL_SAFE_NO_PAD.encode(serial).into(),
    })
}

async fn begin(
    account: &Account,
    domains: &[String],
    replaces: Option<CertificateIdentifier<'static>>,
) -> Result<Ordered, Error> {
    let identifiers: Vec<_> = domains.iter().cloned().map(Identifier::Dns).collect();
    let order = NewOrder::new(&identifiers);
    if let Some(id) = replaces
        && let Ok(ordered) = account.new_order(&NewOrder::new(&identifiers).replaces(id)).await
    {
        return Ok(ordered);
    }
    // A directory without renewal information, or one that has another opinion of the certificate before.
    account.new_order(&order).await
}

/// Shows what the directory wants to see, and gets the chain.
async fn get(
    order: &mut Ordered,
    request: &[u8],
    http: bool,
    limit: Duration,
    talk: &mut impl Talk,
) -> Result<String, Failure> {
    let policy = RetryPolicy::new().backoff(1.5).timeout(limit);
    let (mut challenges, mut kinds) = (Vec::new(), Vec::new());
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let domain = authorization.identifier().to_string();
        let wanted = authorization.status == AuthorizationStatus::Pending;
        let offered: Vec<_> =
            authorization.challenges.iter().map(|challenge| challenge.r#type.clone()).collect();
        let wishes = [(http, ChallengeType::Http01), (true, ChallengeType::TlsAlpn01)];
        let kind =
            wishes.into_iter().find(|(can, kind)| *can && offered.contains(kind)).map(|(_, kind)| kind);
        if !wanted {
            kinds.push(None);
            continue;
        }
        let kind = kind.ok_or_else(|| {
            format!("{domain}: the directory offers no challenge that this node can answer (TLS-ALPN-01; HTTP-01 with a listener at port 80)")
        })?;
        let challenge =
            authorization.challenge(kind.clone()).ok_or_else(|| "a challenge is gone".to_owned())?;
        let authorized = challenge.key_authorization();
        challenges.push(match kind {
            ChallengeType::Http01 => {
                Challenge::Http { token: challenge.token.clone(), answer: authorized.as_str().to_owned() }
            }
            _ => {
                let digest = authorized.digest();
                let digest =
                    digest.as_ref().try_into().map_err(|_| "a digest of another length".to_owned())?;
                Challenge::Tls { pem: challenge_certificate(&domain, digest)?, domain }
            }
        });
        kinds.push(Some(kind));
    }
    if !challenges.is_empty() {
        talk.say(FromClient::Challenges(challenges)).await?;
        talk.known().await?;
    }
    let mut authorizations = order.authorizations();
    let mut kinds = kinds.into_iter();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if let Some(kind) = kinds.next().flatten()
            && let Some(mut challenge) = authorization.challenge(kind)
        {
            challenge.set_ready().await?;
        }
    }
    match order.poll_ready(&policy).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) | Err(Error::Api(_)) => return Err(why_not(order).await.into()),
        Err(e) => return Err(e.into()),
    }
    order.finalize_csr(request).await?;
    Ok(order.poll_certificate(&policy).await?)
}

/// Why a directory does not believe that the names are ours.
async fn why_not(order: &mut Ordered) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let errors = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(errors.map(|problem| format!("{name}: {}", of_problem(problem))));
    }
    if reasons.is_empty() {
        reasons.push("the directory has refused the order and does not say why".into());
    }
    format!("the directory says: {}", reasons.join("; "))
}

async fn window(
    account: &Account,
    id: &CertificateIdentifier<'_>,
    talk: &mut impl Talk,
) -> Result<(), Failure> {
    match account.renewal_info(id).await {
        Ok((info, again)) => {
            let window = &info.suggested_window;
            let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
            Ok(talk.say(FromClient::Window { start, end, again_s: again.as_secs() }).await?)
        }
        Err(Error::Unsupported(_)) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
