"""The texts of a quiz in HTML, for the page and for Moodle."""

from markdown_it import MarkdownIt

_markdown = MarkdownIt("commonmark", {"html": False})


def to_html(text: str) -> str:
    """Turn Markdown within a line into HTML.

    Parameters
    ----------
    text : str
        Text with `code`, *emphasis* and links. HTML in it is shown as it is typed.

    Returns
    -------
    str
        Its HTML, without a paragraph around it.

    Examples
    --------
    >>> to_html("`fit` is *not* < `evaluate`")
    '<code>fit</code> is <em>not</em> &lt; <code>evaluate</code>'
    """
    return _markdown.renderInline(text)
