"""Path templates of google.api.http."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.gateway.transcode.templates import Template


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/v1/topics", "/v1/topics", {}),
        ("/v1/topics", "/v1/topics/", None),
        ("/v1/topics/{topic_id}", "/v1/topics/roads", {"topic_id": "roads"}),
        ("/v1/topics/{topic_id}", "/v1/topics/", None),
        ("/v1/topics/{topic_id}", "/v1/topics/a/b", None),
        ("/v1/topics/{topic_id}", "/v1/topics/a:disable", None),
        ("/v1/topics/{topic_id}", "/v1/topics/a%3Adisable", {"topic_id": "a:disable"}),
        ("/v1/topics/{topic_id}", "/v1/topics/a%2Fb", {"topic_id": "a/b"}),
        ("/v1/topics/{topic_id}:disable", "/v1/topics/a:disable", {"topic_id": "a"}),
        ("/v1/topics/{topic_id}:disable", "/v1/topics/a:disabled", None),
        ("/v1/topics/{topic.topic_id}", "/v1/topics/a", {"topic.topic_id": "a"}),
        ("/v1/x/{phone_number}/messages", "/v1/x/+14155550101/messages", {"phone_number": "+14155550101"}),
        ("/v1/{name=shelves/*}/books", "/v1/shelves/1/books", {"name": "shelves/1"}),
        ("/v1/{name=shelves/*}/books", "/v1/racks/1/books", None),
        ("/v1/{rest=**}", "/v1/a/b/c", {"rest": "a/b/c"}),
        ("/v1/a.b", "/v1/axb", None),
    ],
)
def test_paths_and_values(template: str, path: str, values: dict[str, str] | None) -> None:
    """A template takes exactly its paths; a bare colon begins a verb, an encoded one belongs to the value."""
    assert Template(template).match(path) == values


@given(st.text(min_size=1))
def test_any_value_travels_encoded(value: str) -> None:
    """Whatever a value is, it comes back as it was, if it was encoded."""
    try:
        encoded = quote(value, safe="")
    except UnicodeEncodeError:
        return
    assert Template("/v1/topics/{topic_id}:disable").match(f"/v1/topics/{encoded}:disable") == {"topic_id": value}


def test_bytes_that_are_no_text() -> None:
    """What is not UTF-8 is an error of its own."""
    with pytest.raises(UnicodeDecodeError):
        Template("/v1/topics/{topic_id}").match("/v1/topics/%ff")


@pytest.mark.parametrize("template", ["v1/topics", "/v1/topics/{topic_id", "/v1/topics/{}", "/v1/to pics"])
def test_what_is_no_template(template: str) -> None:
    """A template that could not work is refused when it is made."""
    with pytest.raises(ValueError, match="is not a path template"):
        Template(template)
