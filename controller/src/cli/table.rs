//! Columns for people.

use crate::logs::escape;
use jackfield_shared::status::State;
use owo_colors::OwoColorize as _;
use unicode_width::UnicodeWidthStr as _;

/// A table; columns are as wide as their widest cell.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(|heading| heading.to_owned()).into()] }
    }

    /// Adds a row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| escape(&cell).into_owned()).collect());
    }

    /// The table as lines. The headings are dim, words that are states have their colours.
    pub(super) fn render(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| self.rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let is_last = column + 1 == columns;
                let padding = if is_last { 0 } else { widths[column] - cell.width() + 2 };
                text += &if number == 0 { cell.dimmed().to_string() } else { paint(cell) };
                text.extend(std::iter::repeat_n(' ', padding));
            }
            while text.ends_with(' ') {
                text.pop();
            }
            text.push('\n');
        }
        text
    }
}

fn paint(cell: &str) -> String {
    let is = |state: State| cell == state.name();
    if is(State::Ready) {
        cell.green().to_string()
    } else if is(State::Failed) {
        cell.red().to_string()
    } else if is(State::Backoff) || is(State::Starting) || is(State::Draining) {
        cell.yellow().to_string()
    } else {
        cell.to_owned()
    }
}

/// A duration in its two largest units: `3d 4h`, `2m 10s`, `1.5s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..=9 => format!("{seconds:.1}s"),
        10..=59 => format!("{whole}s"),
        60..=3599 => format!("{}m {}s", whole / 60, whole % 60),
        3600..=86_399 => format!("{}h {}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3600 % 24),
    }
}

/// A number of bytes: `512 B`, `3.4 MiB`.
pub(super) fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let mut table = Table::new(["ID", "STATE", "WHY"]);
        table.row(["worker001".into(), "ready".into(), String::new()]);
        table.row(["w".into(), "failed".into(), "a\x1bb".into()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "ID         STATE   WHY\nworker001  ready\nw          failed  a\\u{1b}b\n");
    }

    #[test]
    fn numbers_for_people() {
        let durations =
            [(1.25, "1.2s"), (59.9, "59s"), (130.0, "2m 10s"), (7260.0, "2h 1m"), (273_600.0, "3d 4h")];
        for (seconds, text) in durations {
            assert_eq!(duration(seconds), text);
        }
        for (count, text) in
            [(512, "512 B"), (1536, "1.5 KiB"), (3_565_158, "3.4 MiB"), (u64::MAX, "16777216.0 TiB")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}
