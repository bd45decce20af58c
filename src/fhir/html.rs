//! HTML that can only be written escaped: names of elements and attributes are the program's, texts and values are a document's.
//! Spec: HTML Living Standard §13.1 (writing HTML), void elements §13.1.2.

/// Elements without an end.
const VOID: &[&str] = &["br", "img", "meta", "link", "col", "hr", "input"];

/// A piece of HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// The start of an element.
    pub fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// The end of an element; nothing for one that has none.
    pub fn close(&mut self, name: &'static str) {
        if !VOID.contains(&name) {
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }

    pub fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// An element with nothing but text.
    pub fn leaf(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.open(name, attributes);
        self.text(text);
        self.close(name);
    }

    /// The program's own markup or style sheet.
    pub fn own(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    pub fn append(&mut self, other: &Html) {
        self.0.push_str(&other.0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Also for attributes in double quotes. Control characters are none of HTML's.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_and_no_value_becomes_markup() {
        let mut html = Html::default();
        html.leaf("p", &[("title", "\"><script>\u{0}")], "</p><script>alert('x')&");
        html.open("br", &[]);
        html.close("br");
        assert_eq!(html.as_str(), "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;/p&gt;&lt;script&gt;alert('x')&amp;</p><br>");
    }
}
