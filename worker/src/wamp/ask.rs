//! Questions to authenticators, which may have to wait for one that is not registered.

use super::inner::Inner;
use super::question::Waiting;
use jackfield_wamp::Now;

impl Inner {
    /// Asks an authenticator, or keeps the question until it is registered, if one waits for that here.
    pub(super) fn ask(&mut self, now: Now, question: Waiting) {
        if let Some(edges) = &mut self.edges {
            let Waiting { client, realm, procedure, payload, .. } = question;
            return edges.touch(realm).ask(self.realms.list[realm].name(), client, procedure, payload);
        }
        let wait = self.realms.list[question.realm].authenticator_wait();
        if wait.is_zero() || self.realms.list[question.realm].has_procedure(&question.procedure) {
            self.call(now, question);
        } else {
            self.waiting.push(Waiting { until: now.clock + wait, ..question });
        }
    }

    fn call(&mut self, now: Now, question: Waiting) {
        let Waiting { client, realm, procedure, payload, .. } = question;
        let realm = self.realms.touch(realm);
        let timeout = realm.authenticator_timeout();
        realm.call(now, client, &procedure, payload, timeout, &mut self.effects);
    }

    /// Asks those authenticators that are there now, and those that were waited for long enough.
    pub(super) fn ask_waiting(&mut self, now: Now) {
        let mut index = 0;
        while let Some(question) = self.waiting.get(index) {
            let is_there = self.realms.list[question.realm].has_procedure(&question.procedure);
            if is_there || question.until <= now.clock {
                let question = self.waiting.swap_remove(index);
                self.call(now, question);
            } else {
                index += 1;
            }
        }
    }
}
