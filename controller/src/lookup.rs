//! Questions that somebody else answers (a name server, a directory of users): all asked at once, each in a thread of its
//! own, with one limit for all of them. Who does not answer holds up nobody.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// What was answered to each, or why nothing.
pub(crate) type Answers<Q, A> = BTreeMap<Q, Result<A, String>>;

/// What was asked.
#[derive(Debug)]
pub(crate) struct Asked<Q, A> {
    limit: Duration,
    until: Instant,
    answers: Answers<Q, A>,
    answered: Receiver<(Q, Result<A, String>)>,
}

/// Asks each question once; answers are waited for so long from now on.
pub(crate) fn ask<Q, A>(
    questions: impl IntoIterator<Item = Q>,
    limit: Duration,
    answer: impl Fn(&Q) -> Result<A, String> + Send + Copy + 'static,
) -> Asked<Q, A>
where
    Q: Ord + Clone + Send + 'static,
    A: Send + 'static,
{
    let (tell, answered) = mpsc::channel();
    let mut answers = BTreeMap::new();
    let late = || format!("there was no answer within {} s (\"lookup_timeout\")", limit.as_secs_f64());
    for question in questions {
        if answers.insert(question.clone(), Err(late())).is_some() {
            continue;
        }
        let (tell, asked) = (tell.clone(), question.clone());
        // One that gets no answer ends some time, and nobody minds.
        let asking = move || {
            let answer = answer(&asked);
            let _ = tell.send((asked, answer));
        };
        if let Err(e) = thread::Builder::new().name("lookup".into()).spawn(asking) {
            answers.insert(question, Err(format!("it can't be looked up: {e}")));
        }
    }
    Asked { limit, until: Instant::now() + limit, answers, answered }
}

impl<Q: Ord, A> Asked<Q, A> {
    /// Waits for the answers.
    pub(crate) fn answers(mut self) -> Answers<Q, A> {
        let left = || self.until.saturating_duration_since(Instant::now()).min(self.limit);
        while let Ok((question, answer)) = self.answered.recv_timeout(left()) {
            self.answers.insert(question, answer);
        }
        self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_holds_up_nobody() {
        let begin = Instant::now();
        let asked =
            ask(["slow", "quick", "wrong", "quick"], Duration::from_millis(300), |name| match *name {
                "slow" => {
                    thread::sleep(Duration::from_secs(20));
                    Ok(0)
                }
                "wrong" => Err("no such name".into()),
                _ => Ok(1),
            });
        let answers = asked.answers();
        assert!(begin.elapsed() < Duration::from_secs(10));
        assert_eq!(answers["quick"], Ok(1));
        assert_eq!(answers["wrong"], Err("no such name".into()));
        assert!(answers["slow"].as_ref().unwrap_err().contains("within 0.3 s"));
    }
}
