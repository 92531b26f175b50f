//! Challenges under way, and what an answer to them proves.

use super::{Dynamic, Secret, cryptosign, scram, wampcra};

/// What a client has to prove. For a principal that does not exist it is something that nobody can: the client learns
/// from neither the answers nor their time that there is none.
#[derive(Debug)]
pub(crate) enum Pending {
    /// The ticket itself.
    Ticket(Secret),
    /// A ticket that a procedure decides about.
    TicketFor(Dynamic),
    /// A signature of the challenge.
    Wampcra(Box<wampcra::User>, String),
    /// A client's proof.
    Scram(scram::Exchange),
    /// A signature of the challenge.
    Cryptosign(cryptosign::Exchange),
}

/// What an answer is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The client is who it says.
    Right {
        /// SCRAM: the router's own proof.
        server: Option<String>,
    },
    /// It is not.
    Wrong,
}

impl Pending {
    /// The name of the method.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Ticket(_) | Self::TicketFor(_) => "ticket",
            Self::Wampcra(..) => "wampcra",
            Self::Scram(_) => "scram",
            Self::Cryptosign(_) => "cryptosign",
        }
    }

    /// Looks at the answer to the challenge. Where a procedure decides, nothing is right.
    pub(crate) fn verify(&self, signature: &str) -> Proof {
        let right = match self {
            Self::Ticket(ticket) => ticket.is(signature),
            Self::TicketFor(_) => false,
            Self::Wampcra(user, challenge) => wampcra::verify(user, challenge, signature),
            Self::Scram(exchange) => {
                return exchange
                    .verify(signature)
                    .map_or(Proof::Wrong, |proof| Proof::Right { server: Some(proof) });
            }
            Self::Cryptosign(exchange) => exchange.verify(signature),
        };
        if right { Proof::Right { server: None } } else { Proof::Wrong }
    }
}
