//! Samples on a terminal.

use std::io;
use std::time::Duration;

use einode::Term;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Cell, LineGauge, Paragraph, Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::text;
use crate::exit::Failure;
use crate::fields::Fields;
use crate::processes::{self, Sort};
use crate::remote::Feed;

/// How often the keyboard is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Shows samples until the user has seen enough.
pub(super) fn run(samples: Feed, sort: Sort) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Io(format!("the terminal: {error}"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = Screen {
        samples,
        sample: None,
        sort,
        paused: false,
    }
    .show(&mut terminal);
    ratatui::restore();
    shown
}

struct Screen {
    samples: Feed,
    /// The last one.
    sample: Option<Term>,
    sort: Sort,
    paused: bool,
}

impl Screen {
    fn show(mut self, terminal: &mut DefaultTerminal) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::Io(format!("the terminal: {error}"));
        loop {
            // What arrived and makes no sense is told before anything is drawn.
            let picture = match &self.sample {
                Some(sample) => Some(Picture::of(sample, self.sort)?),
                None => None,
            };
            let draw = |frame: &mut Frame<'_>| self.draw(frame, picture.as_ref());
            terminal.draw(draw).map_err(failed)?;
            if let Some(sample) = self.samples.wait(GLANCE)?
                && !self.paused
            {
                self.sample = Some(sample);
            }
            while event::poll(Duration::ZERO).map_err(failed)? {
                match event::read().map_err(failed)? {
                    Event::Key(key) if key.kind == KeyEventKind::Press && self.pressed(key) => {
                        return Ok(());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether that ends it.
    fn pressed(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
            KeyCode::Char('r') => self.sort = Sort::Reductions,
            KeyCode::Char('m') => self.sort = Sort::Memory,
            KeyCode::Char('b') => self.sort = Sort::Mailbox,
            KeyCode::Char('p') => self.paused = !self.paused,
            _ => {}
        }
        false
    }

    fn draw(&self, frame: &mut Frame<'_>, picture: Option<&Picture>) {
        let [head, gauge, table, keys] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Length(2),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let paused = if self.paused { "  paused" } else { "" };
        let help = "r reductions  m memory  b mailbox  p pause  q quit";
        frame.render_widget(Line::from(format!("{help}{paused}")).dim(), keys);
        let Some(picture) = picture else {
            return frame.render_widget(Paragraph::new("waiting for the node"), head);
        };
        let mut lines = picture.head.iter().map(|line| Line::from(line.as_str()));
        let first = lines.next().unwrap_or_default().bold();
        let lines: Vec<_> = std::iter::once(first).chain(lines).collect();
        frame.render_widget(Paragraph::new(lines), head);
        let busy = LineGauge::default()
            .ratio(picture.utilization.clamp(0.0, 1.0))
            .filled_style(Style::new().green())
            .unfilled_style(Style::new().dim());
        frame.render_widget(busy, gauge);
        frame.render_widget(picture.table(self.sort), table);
    }
}

/// A sample, ready to be drawn.
struct Picture {
    head: [String; 4],
    utilization: f64,
    rows: Vec<[String; 7]>,
}

impl Picture {
    fn of(sample: &Term, sort: Sort) -> Result<Self, Failure> {
        let busiest = sample.field("busiest")?.field(sort.name())?;
        Ok(Self {
            head: text::head(sample)?,
            utilization: text::utilization(sample)?,
            rows: processes::rows(busiest)?,
        })
    }

    fn table(&self, sort: Sort) -> Table<'_> {
        const WIDTHS: [Constraint; 7] = [
            Constraint::Length(14),
            Constraint::Length(14),
            Constraint::Length(11),
            Constraint::Length(9),
            Constraint::Length(10),
            Constraint::Fill(1),
            Constraint::Fill(1),
        ];
        let titles = [
            ("pid", None),
            ("reductions/s", Some(Sort::Reductions)),
            ("memory", Some(Sort::Memory)),
            ("mailbox", Some(Sort::Mailbox)),
            ("status", None),
            ("name", None),
            ("current function", None),
        ];
        let titles = titles.map(|(title, by)| {
            let cell = aligned(title, by.is_some());
            if by == Some(sort) {
                cell.reversed()
            } else {
                cell.bold()
            }
        });
        let rows = self.rows.iter().map(|row| {
            let cells = row.iter().enumerate();
            Row::new(cells.map(|(column, text)| aligned(text, (1..=3).contains(&column))))
        });
        Table::new(rows, WIDTHS).header(Row::new(titles))
    }
}

fn aligned(text: &str, is_number: bool) -> Cell<'_> {
    let line = Line::from(text);
    Cell::from(if is_number {
        line.right_aligned()
    } else {
        line
    })
}
