"""History, as somebody looks at it (S33-S44)."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sendout.client import AsyncClient
from sendout.v1 import message_pb2, role_pb2
from sendout.v1.topic_pb2 import Topic
from tests.browser.arranging import new_topic, permit, sent
from tests.browser.person import Person, forgive

DELIVERED, UNDELIVERED, REFUSED, SILENT = "+14155550101", "+14155550151", "+14155550160", "+14155550154"
SETTLED = {
    message_pb2.MESSAGE_STATE_SENT: 1,
    message_pb2.MESSAGE_STATE_DELIVERED: 1,
    message_pb2.MESSAGE_STATE_UNDELIVERED: 1,
    message_pb2.MESSAGE_STATE_REJECTED: 1,
}
TEXT = "Our Garage had a power outage today. <b>Reply</b> if you need & want more."


@pytest.fixture(scope="module")
async def outages(administrator: AsyncClient) -> Topic:
    """A topic with one message of each fate, settled as far as it ever will be."""
    topic = await new_topic(administrator)
    identifier = await sent(administrator, topic, [DELIVERED, UNDELIVERED, REFUSED, SILENT], TEXT)
    async for answer in administrator.watch(identifier):
        counts = {one.state: one.count for one in answer.progress.counts}
        if counts == SETTLED:
            break
    return topic


def figures(person: Person, topic: Topic) -> Locator:
    """The row of a topic in the tallies."""
    return person.page.get_by_role("row").filter(has=person.page.get_by_role("link", name=topic.label, exact=True))


async def test_tallies_for_an_interval(agent: Person, outages: Topic) -> None:
    """S33, S36, S37, S39: the counts of each topic for the interval that is picked, with a plot and its table."""
    await agent.page.goto("/")
    await agent.page.get_by_role("link", name="View History").click()
    for name in ("Today", "7 days", "30 days"):
        await agent.page.get_by_role("link", name=name, exact=True).click()
        await expect(agent.page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "true")
        cells = await figures(agent, outages).get_by_role("cell").all_inner_texts()
        assert cells[:7] == ["4", "3", "1", "1", "1", "0", "3"]
    await agent.look("tallies")
    await expect(agent.page.get_by_role("img", name="All topics over time")).to_be_visible()
    await agent.page.get_by_text("Show as a table").click()
    await expect(agent.page.get_by_role("table", name="All topics over time")).to_be_visible()
    await agent.look("as-a-table")


async def test_days_of_ones_own(agent: Person, outages: Topic) -> None:
    """S39: any days can be picked; days that are no interval are said in place, and an empty one says what to do."""
    today = datetime.now(UTC).date()
    await agent.page.goto("/history")
    await agent.page.get_by_role("link", name="Custom").click()
    await agent.page.get_by_label("From").fill(str(today - timedelta(days=40)))
    await agent.page.get_by_label("To, included").fill(str(today + timedelta(days=1)))
    await agent.page.get_by_role("button", name="Show").click()
    await expect(figures(agent, outages).get_by_role("cell").first).to_have_text("4")
    await agent.page.get_by_label("To, included").fill(str(today - timedelta(days=39)))
    await agent.page.get_by_role("button", name="Show").click()
    await expect(figures(agent, outages).get_by_role("cell").first).to_have_text("0")
    await expect(agent.page.get_by_role("heading", name="Nothing was sent in this interval")).to_be_visible()
    await agent.look("nothing-sent")
    await agent.page.get_by_label("From").fill(str(today))
    await agent.page.get_by_role("button", name="Show").click()
    await expect(agent.page.get_by_role("alert")).to_contain_text("Give the earlier day first.")
    await agent.look("no-interval")


async def test_days_begin_in_the_readers_time_zone(agent: Person, outages: Topic) -> None:
    """S39: a day is one of the reader's own, so what was sent just now is not "today" where tomorrow has begun."""
    now = datetime.now(UTC)
    zone, offset = ("Pacific/Kiritimati", 14) if now.hour >= 10 else ("Pacific/Pago_Pago", -11)
    other = (now + timedelta(hours=offset)).date()
    devtools = await agent.page.context.new_cdp_session(agent.page)
    await devtools.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
    await agent.page.reload()
    await agent.page.goto(f"/history?interval=custom&from={other}&to={other}")
    await expect(figures(agent, outages).get_by_role("cell").first).to_have_text("4")
    await expect(agent.page.get_by_text(zone)).to_be_visible()
    wrong = now.date() if other != now.date() else other - timedelta(days=1)
    await agent.page.goto(f"/history?interval=custom&from={wrong}&to={wrong}")
    await expect(figures(agent, outages).get_by_role("cell").first).to_have_text("0")


async def test_disabled_topics_keep_their_results(agent: Person, administrator: AsyncClient) -> None:
    """S38, S40: the view toggles to disabled topics, whose counts stay."""
    topic = await new_topic(administrator)
    await administrator.wait(await sent(administrator, topic, [DELIVERED]))
    await administrator.disable_topic(topic.topic_id)
    await agent.page.goto("/history?interval=today")
    await expect(figures(agent, topic)).to_have_count(0)
    await agent.page.get_by_role("link", name="Disabled topics").click()
    assert (await figures(agent, topic).get_by_role("cell").all_inner_texts())[:3] == ["1", "1", "1"]
    await agent.page.get_by_role("link", name=topic.label, exact=True).click()
    await expect(agent.page.get_by_text("This topic is disabled. Its counts stay.")).to_be_visible()
    await agent.page.go_back()
    await agent.page.get_by_role("link", name="Active topics").click()
    await expect(figures(agent, topic)).to_have_count(0)
    await expect(agent.page.get_by_role("link", name="Default", exact=True)).to_be_visible()


async def test_headings_sort(agent: Person, administrator: AsyncClient, outages: Topic) -> None:
    """The busiest topic comes first where a count's heading is chosen, and the heading says so."""
    await agent.page.goto("/history?interval=today")
    await agent.page.get_by_role("button", name="Failed").press("Enter")
    await expect(agent.page.get_by_role("columnheader", name="Failed")).to_have_attribute("aria-sort", "descending")
    await expect(agent.page.locator("tbody tr").first).to_contain_text(outages.label)


async def test_view_recent(agent: Person, administrator: AsyncClient, outages: Topic) -> None:
    """S41, S43: each row says in words whether the message was delivered to that number; one can be opened (S44)."""
    await agent.page.goto("/history?interval=today")
    topics = agent.page.locator("tbody tr").filter(has=agent.page.get_by_role("rowheader"))
    await expect(topics.get_by_role("link", name="View Recent")).to_have_count(await topics.count())
    await figures(agent, outages).get_by_role("link", name="View Recent").click()
    for number, words in (
        (DELIVERED, "Delivered"),
        (UNDELIVERED, "Not delivered"),
        (REFUSED, "Not delivered"),
        (SILENT, "Not known yet"),
    ):
        row = agent.page.get_by_role("row").filter(has_text=number)
        await expect(row.get_by_text(words, exact=True)).to_be_visible()
    await agent.look("recent")
    await agent.page.get_by_role("row").filter(has_text=UNDELIVERED).click()
    await expect(agent.page.get_by_role("heading", name=f"Message to {UNDELIVERED}")).to_be_visible()
    await expect(agent.page.get_by_text(TEXT)).to_be_visible()
    steps = agent.page.get_by_role("list", name="What became of it").get_by_role("listitem")
    await expect(steps.first).to_contain_text("Queued")
    await expect(steps.last).to_contain_text("Undelivered")
    await expect(agent.page.get_by_text("This is final.")).to_be_visible()
    detail = (await administrator.get_message(agent.page.url.rpartition("/")[2])).message
    assert re.fullmatch("[0-9a-f]{32}", detail.trace_id)
    await expect(agent.page.get_by_role("definition").filter(has_text=detail.trace_id)).to_be_visible()
    await agent.look("message")


async def test_recent_messages_end_after_a_thousand(agent: Person, administrator: AsyncClient) -> None:
    """S42: newest first, in pages, and the last page ends with the thousandth."""
    topic = await new_topic(administrator, "Many")
    await sent(administrator, topic, [f"+1415555{1000 + number}" for number in range(1001)])
    newest = "+14155550177"
    await sent(administrator, topic, [newest])
    await agent.page.goto(f"/history/topics/{topic.topic_id}/recent")
    rows = agent.page.locator("tbody tr")
    await expect(rows.first).to_contain_text(newest)
    seen: list[str] = []
    while True:
        seen += await agent.page.locator("tbody th").all_inner_texts()
        older = agent.page.get_by_role("link", name="Older")
        if not await older.count():
            break
        await older.click()
        await expect(agent.page.get_by_text(f"{len(seen) + 1:,} to")).to_be_visible()
    assert len(seen) == len(set(seen)) == 1000
    await expect(rows.last).to_contain_text("1,000")
    await agent.page.get_by_role("link", name="Newest").click()
    await expect(rows.first).to_contain_text(newest)


async def test_a_topic_without_messages(agent: Person, administrator: AsyncClient) -> None:
    """Where nothing was sent yet the page says so and where to go."""
    topic = await new_topic(administrator, "Quiet")
    await agent.page.goto(f"/history/topics/{topic.topic_id}/recent")
    await expect(agent.page.get_by_role("heading", name="No messages yet")).to_be_visible()
    await agent.look("no-messages")


async def test_export(agent: Person, outages: Topic, tmp_path: Path) -> None:
    """The file has a row for each message, and no spreadsheet computes one of its cells."""
    await agent.page.goto(f"/history/topics/{outages.topic_id}?interval=today")
    await agent.look("topic")
    async with agent.page.expect_download() as coming:
        await agent.page.get_by_role("link", name="Export CSV").click()
    file = tmp_path / (await coming.value).suggested_filename
    await (await coming.value).save_as(file)
    assert file.suffix == ".csv"
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["phone_number"]: row["delivered"] for row in rows} == {
        f"'{DELIVERED}": "yes",
        f"'{UNDELIVERED}": "no",
        f"'{REFUSED}": "no",
        f"'{SILENT}": "unknown",
    }
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


async def test_what_the_server_refuses(agent: Person, administrator: AsyncClient, outages: Topic) -> None:
    """Whoever may not view history is told so and what to do, on the page and instead of a file."""
    roles = {role.role_id: role async for role in administrator.roles()}
    everyone = list(roles["everyone"].permissions)
    try:
        await permit(administrator, [one for one in everyone if one != role_pb2.PERMISSION_VIEW_HISTORY])
        for path in ("/history", f"/history/topics/{outages.topic_id}/recent", "/history/export?interval=today"):
            await agent.page.goto(path)
            await expect(agent.page.get_by_role("heading", name="You may not see this")).to_be_visible()
            forgive(agent.page, "403")
        await agent.look("refused")
    finally:
        await permit(administrator, everyone)
    await agent.page.goto("/history/messages/no-such-message.0")
    await expect(agent.page.get_by_role("alert")).to_be_visible()
    forgive(agent.page, "400")
