//! Markdown to HTML that a page can show: rendered here, and cleaned of everything that could act.

use std::collections::HashSet;
use std::sync::LazyLock;

use pulldown_cmark::{Options, Parser, html};

/// What an answer may be made of. No pictures: showing one would tell its server who reads.
static CLEANER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let tags: HashSet<&str> = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
    .into();
    let mut builder = ammonia::Builder::new();
    builder
        .tags(tags)
        .generic_attributes(HashSet::new())
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// An answer's text as HTML without scripts, styles, pictures or relative links.
pub(crate) fn to_html(text: &str) -> String {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut rendered = String::with_capacity(text.len() * 2);
    html::push_html(&mut rendered, parser);
    CLEANER.clean(&rendered).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        assert_eq!(to_html("The lamp is **on**.").trim(), "<p>The lamp is <strong>on</strong>.</p>");
        let list = to_html("- a\n- b");
        assert!(list.contains("<ul>") && list.matches("<li>").count() == 2, "{list}");
        let table = to_html("|a|b|\n|-|-|\n|1|2|");
        assert!(table.contains("<td>1</td>"), "{table}");
        assert!(to_html("[x](https://example.org)").contains("rel=\"noopener noreferrer nofollow\""));
    }

    #[test]
    fn nothing_in_it_can_act() {
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "![x](https://evil.example/pixel.png)",
            "[x](javascript:alert(1))",
            "[x](data:text/html,hi)",
            "<a href=\"/api/turns\" onclick=\"x()\">x</a>",
            "<p style=\"position:fixed\" class=\"x\" id=\"y\">x</p>",
            "<form action=/api/ask><input name=text></form>",
            "<iframe src=https://evil.example></iframe><style>p{}</style>",
            "<svg><a xlink:href=\"javascript:alert(1)\">x</a></svg>",
        ] {
            let html = to_html(text);
            for bad in [
                "<script",
                "<img",
                "onerror",
                "onclick",
                "javascript:",
                "data:",
                "style",
                "class=",
                "id=",
                "<form",
                "<input",
                "<iframe",
                "<svg",
                "href=\"/",
            ] {
                assert!(!html.contains(bad), "{text} became {html}");
            }
        }
    }
}
