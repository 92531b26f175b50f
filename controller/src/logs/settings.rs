//! What is logged and where it goes: the configuration, and what the command line says beside it.

use super::format::Format;
use super::levels::Levels;
use super::sink::file;
use jackfield_shared::config::{self, Sink, TerminalSink};
use jackfield_shared::log::Level;
use std::path::PathBuf;

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Least important level of the records, if not as configured.
    pub level: Option<Level>,
    /// How they are written to the terminal, if not as configured.
    pub format: Option<Format>,
    /// The file that they are written to in place of the terminal.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// From which level up records are kept.
    pub(super) fn levels(&self, node: &config::Node) -> Levels {
        let mut levels = Levels::new(self.level.unwrap_or(node.controller.log.level));
        for worker in &node.workers {
            if let Some(level) = worker.common.log_level {
                levels.set(Some(&worker.id), level);
            }
        }
        levels
    }

    /// Where records go.
    pub(super) fn sinks(&self, log: &config::Log) -> Vec<Sink> {
        log.sinks.iter().map(|sink| self.meant(sink)).collect()
    }

    fn meant(&self, sink: &Sink) -> Sink {
        let Sink::Terminal(terminal) = sink else { return sink.clone() };
        let format = self.format.map_or(terminal.format, Format::into);
        match &self.file {
            Some(path) => file(path.clone(), format, terminal.level),
            None => Sink::Terminal(TerminalSink { format, ..terminal.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{FileSink, LogFormat};

    #[test]
    fn what_the_command_line_says_is_about_the_terminal() {
        let journal = Sink::Journald(config::JournaldSink::default());
        let log = config::Log {
            sinks: vec![Sink::Terminal(TerminalSink::default()), journal.clone()],
            ..config::Log::default()
        };
        assert_eq!(Settings::default().sinks(&log), log.sinks);
        let json = Settings { format: Some(Format::Json), ..Settings::default() };
        let terminal = TerminalSink { format: LogFormat::Json, ..TerminalSink::default() };
        assert_eq!(json.sinks(&log), [Sink::Terminal(terminal), journal.clone()]);
        let to_file = Settings { file: Some("x.log".into()), ..json };
        let file = FileSink { path: "x.log".into(), format: LogFormat::Json, ..FileSink::default() };
        assert_eq!(to_file.sinks(&log), [Sink::File(file), journal]);
    }
}
