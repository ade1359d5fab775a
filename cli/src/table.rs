//! Rows and columns, and numbers that people read.

use std::fmt;

use crate::style::Style;

/// A table with a line of titles. Columns whose title begins with a space are of numbers, and end at their right.
pub(crate) struct Table<const N: usize> {
    titles: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) const fn new(titles: [&'static str; N], rows: Vec<[String; N]>) -> Self {
        Self { titles, rows }
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            let title = self.titles[column].trim().chars().count();
            cells.max().unwrap_or(0).max(title)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        let line = |cell: &dyn Fn(usize) -> String| {
            let mut line = String::new();
            for (column, width) in widths.into_iter().enumerate() {
                let cell = cell(column);
                let gap = if column == 0 { "" } else { "  " };
                line += gap;
                line += &if self.titles[column].starts_with(' ') {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:width$}")
                };
            }
            line.trim_end().to_owned()
        };
        let titles = line(&|column| self.titles[column].trim().to_owned());
        write!(f, "{}", Style::Bold.paint(titles))?;
        for row in &self.rows {
            write!(f, "\n{}", line(&|column| row[column].clone()))?;
        }
        Ok(())
    }
}

/// A number of bytes in three digits or so: `11.3 MiB`.
pub(crate) fn bytes(count: i64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value.abs() < 1024.0 {
            let digits = usize::from(unit != "B" && value < 99.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A number with a space between thousands.
pub(crate) fn grouped(count: i64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.char_indices() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let rows = [["<0.1.0>", "7", "größe"], ["<0.12.0>", "12345678", "b"]];
        let rows = rows.map(|row| row.map(str::to_owned)).to_vec();
        let table = Table::new(["pid", " memory", "name"], rows);
        assert_eq!(
            table.to_string(),
            "pid         memory  name\n\
             <0.1.0>          7  größe\n\
             <0.12.0>  12345678  b"
        );
    }

    #[test]
    fn numbers_can_be_read() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (102_400, "100 KiB"),
            (11_849_000, "11.3 MiB"),
            (1 << 50, "1024.0 TiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (-123_456, "-123 456"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(grouped(count), text);
        }
    }
}
