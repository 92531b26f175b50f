//! What is done to the node.

use crate::configuration::{below, chance};
use crate::process::How;
use crate::world::{Asked, World};
use jackfield_fleet::{CallerId, Command, Event, News, ProcessId};
use jackfield_shared::status::Exit;
use std::time::Duration;

impl World {
    /// Does something.
    pub(crate) fn act(&mut self) -> Result<(), String> {
        let one = self.any_process();
        match below(&mut self.random, 100) {
            0..=17 => one.map_or(Ok(()), |id| self.ends(id, How::Killed)),
            18..=20 => one.map_or(Ok(()), |id| self.ends(id, How::Well)),
            21..=24 => one.map_or(Ok(()), |id| self.ends(id, How::Badly)),
            25..=31 => {
                let now = self.now;
                if let Some(process) = one.and_then(|id| self.processes.get_mut(&id)) {
                    process.hangs_since.get_or_insert(now);
                }
                Ok(())
            }
            32 | 34..=35 => self.says(one, News::Outdated("it is old".into())),
            33 => self.says_that_an_edge_is_stuck(one),
            36 => self.says(one, News::Broken("it says so".into())),
            37 => self.says(one, News::Failing("it says so".into())),
            38..=39 => self.connection_ends(one),
            40..=42 => {
                let ms = below(&mut self.random, 4000);
                self.no_room_until = self.now + Duration::from_millis(ms);
                self.note(|| format!("no room for {ms} ms"));
                Ok(())
            }
            43..=52 => {
                let ids = self.some_ids();
                self.ask(Command::Start(ids))
            }
            53..=60 => {
                let ids = self.some_ids();
                self.ask(Command::Stop(ids))
            }
            61..=68 => {
                let ids = self.some_ids();
                self.ask(Command::Restart(ids))
            }
            69..=77 => {
                let processes = 1 + below(&mut self.random, 4) as usize;
                let id = self.some_ids().pop().unwrap_or_else(|| "one".into());
                self.ask(Command::Scale(id, processes))
            }
            78..=88 => {
                if chance(&mut self.random, 10) {
                    return self.ask(Command::Rehearse);
                }
                let time = chance(&mut self.random, 30).then_some(Duration::from_millis(300));
                self.ask(Command::Reload(time))
            }
            89..=92 => {
                self.hangups += 1;
                self.feed(Event::ReloadWanted("SIGHUP"))
            }
            93..=96 => self.ask(Command::Upgrade),
            97 if chance(&mut self.random, 10) => self.stop_node(Some(Duration::from_secs(1))),
            98 if chance(&mut self.random, 10) => self.feed(Event::StopSignal("SIGTERM")),
            _ => Ok(()),
        }
    }

    /// A process says something, if it still can.
    fn says(&mut self, one: Option<ProcessId>, news: News) -> Result<(), String> {
        let can_speak = |id: &ProcessId| self.processes.get(id).is_some_and(|p| p.hangs_since.is_none());
        match one.filter(can_speak) {
            Some(id) => self.feed(Event::Said(id, news)),
            None => Ok(()),
        }
    }

    fn any_process(&mut self) -> Option<ProcessId> {
        let ids: Vec<_> = self.processes.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[below(&mut self.random, ids.len() as u64) as usize])
    }

    fn some_ids(&mut self) -> Vec<String> {
        let ids: Vec<_> = self.fleet.serving().map(|(_, worker)| worker.spec().id.clone()).collect();
        match below(&mut self.random, 10) {
            0 => Vec::new(),
            1 => vec!["nobody".into()],
            _ if ids.is_empty() => Vec::new(),
            _ => vec![ids[below(&mut self.random, ids.len() as u64) as usize].clone()],
        }
    }

    fn connection_ends(&mut self, one: Option<ProcessId>) -> Result<(), String> {
        let Some(id) = one else { return Ok(()) };
        let error = chance(&mut self.random, 50).then(|| "a message that is none".to_owned());
        // Nobody hears of it any longer, and it hears nothing.
        let now = self.now;
        if let Some(process) = self.processes.get_mut(&id) {
            process.hangs_since.get_or_insert(now);
        }
        self.feed(Event::Lost(id, error))
    }

    /// A process ends now.
    pub(crate) fn ends(&mut self, id: ProcessId, how: How) -> Result<(), String> {
        let others_go_on = self.other_realms_go_on(id);
        if self.processes.remove(&id).is_none() {
            return Ok(());
        }
        let (code, signal) = match how {
            How::Well => (Some(0), None),
            How::Badly => (Some(1), None),
            How::Killed => (None, Some("SIGKILL".to_owned())),
            How::Terminated => (None, Some("SIGTERM".to_owned())),
        };
        let exit =
            Exit { code, signal, oom: false, at: 0.0, uptime_s: 0.0, peak_rss_bytes: 0, stderr: Vec::new() };
        self.feed(Event::Exited(id, exit))?;
        others_go_on(self)
    }

    /// Somebody wants something.
    pub(crate) fn ask(&mut self, command: Command) -> Result<(), String> {
        let caller = CallerId(self.asked.len() as u64);
        self.asked.insert(caller, Asked { what: format!("{command:?}"), answers: Vec::new() });
        self.feed(Event::Called(Some(caller), command))
    }

    pub(crate) fn stop_node(&mut self, time: Option<Duration>) -> Result<(), String> {
        self.ask(Command::StopNode(time))
    }

    pub(crate) fn answered(
        &mut self,
        caller: Option<CallerId>,
        result: Result<(), String>,
    ) -> Result<(), String> {
        let Some(caller) = caller else { return Ok(()) };
        let asked = self.asked.get_mut(&caller).ok_or("an answer for nobody")?;
        asked.answers.push(result);
        if asked.answers.len() > 1 {
            return Err(format!("two answers to {}: {:?}", asked.what, asked.answers));
        }
        Ok(())
    }
}
