"""Send Notifications, done as a user does it, in a real browser before a whole site."""

from __future__ import annotations

import itertools
import re

import pytest
from playwright.async_api import expect

from sendout.client import AsyncClient
from sendout.v1 import consent_pb2, contact_point_pb2, user_pb2
from tests.browser.person import Person, forgive
from tests.browser.sending import GARAGE, SendPage

_IDS = itertools.count(1)


@pytest.fixture
def form(agent: Person) -> SendPage:
    return SendPage(agent.page)


async def contact_point(client: AsyncClient, **settings: object) -> str:
    """A contact point of the test's own."""
    identifier = f"own-{next(_IDS)}"
    fields = {"label": identifier.title(), "sender": "+14155550002", "carrier": "simulator", "default_region": "US"}
    await client.create_contact_point(
        contact_point_pb2.ContactPoint(contact_point_id=identifier, segments_per_second=100, **fields | settings)
    )
    return identifier


async def test_the_send_screen_says_when_to_use_it(agent: Person, form: SendPage) -> None:
    """S11, S12: recipients must have opted in; help says when a notification fits and when a conversation does."""
    await form.open()
    page = agent.page
    await expect(page.get_by_text("Recipients should have agreed to receive")).to_be_visible()
    await page.get_by_text("When to send a notification").click()
    await expect(page.get_by_text("level of response is unknown")).to_be_visible()
    await expect(page.get_by_text("Start a conversation instead")).to_be_visible()
    await agent.look("guidance")


async def test_the_garage_text_is_one_message(form: SendPage) -> None:
    """S13: the manual's example sends without a warning; in typographic quotes it needs two segments and warns."""
    await form.open()
    await form.fill()
    await expect(form.fact("Segments each")).to_have_text("1")
    await expect(form.fact("Encoding")).to_have_text("GSM-7")
    await expect(form.page.locator("#text-count")).to_have_text("119 characters, 41 left")
    await expect(form.warning).to_be_hidden()
    await form.text.fill(f"“{GARAGE}”")
    await expect(form.fact("Segments each")).to_have_text("2")
    await expect(form.fact("Encoding")).to_have_text("UCS-2")
    await expect(form.warning).to_be_visible()
    await expect(form.send).to_be_disabled()


async def test_smart_encoding_is_offered(form: SendPage) -> None:
    """Where replacing costly characters saves segments the form offers it, and the handset shows what it does."""
    await form.open()
    await form.recipients.fill("+14155550101,")
    await form.text.fill(f"“{GARAGE}”")
    await form.page.get_by_label("Replace costly characters").check()
    await expect(form.fact("Segments each")).to_have_text("1")
    await expect(form.page.locator("[data-sample]")).to_have_text(f'"{GARAGE}"')
    await expect(form.send).to_be_enabled()


async def test_the_outbound_button_leads_to_the_welcome_screen_and_to_sending(agent: Person) -> None:
    """S18: the toolbar's Outbound button opens; Welcome and Send Notifications are among its options; keys will do."""
    page = agent.page
    await page.locator("summary", has_text="Outbound").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Welcome", exact=True)).to_be_visible()
    await agent.look("outbound")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name="Welcome", exact=True)).to_be_hidden()
    await page.keyboard.press("Enter")
    await page.locator(".menu").get_by_role("link", name="Send Notifications").click()
    await expect(page.get_by_role("heading", name="Send Notifications")).to_be_visible()
    await page.locator("summary", has_text="Outbound").click()
    await page.get_by_role("link", name="Welcome", exact=True).click()
    await expect(page.get_by_role("list", name="What would you like to do?")).to_be_visible()


async def test_only_ones_own_contact_points_are_offered(administrator: AsyncClient, agent: Person) -> None:
    """S19: a contact point is offered to who has one of its roles, not to others; who has none is told what to do."""
    other = await contact_point(administrator, send_notification_roles=["agents"])
    page = agent.page
    options = page.get_by_label("Contact point").locator("option")
    for role_ids, expected in (([], {"main"}), (["agents"], {"main", other})):
        await administrator.update_user(user_pb2.User(user_id=agent.user, role_ids=role_ids), ["role_ids"])
        await page.goto("/send")
        offered = set(await options.evaluate_all("all => all.map((one) => one.value)"))
        assert offered & {"main", other} == expected
    points = [point async for point in administrator.contact_points()]
    await page.goto("about:blank")  # the form that stands there previews by itself, and would soon be refused
    try:
        for point in points:
            await set_roles(administrator, point.contact_point_id, ["admin"])
        await page.goto("/send")
        await expect(page.get_by_role("heading", name="No contact point to send from")).to_be_visible()
        await expect(page.get_by_text("Outbound Roles › Send Notifications")).to_be_visible()
        await agent.look("none")
    finally:
        for point in points:
            await set_roles(administrator, point.contact_point_id, list(point.send_notification_roles))


async def set_roles(client: AsyncClient, point: str, roles: list[str]) -> None:
    changed = contact_point_pb2.ContactPoint(contact_point_id=point, send_notification_roles=roles)
    await client.update_contact_point(changed, ["send_notification_roles"])


async def test_a_topic_is_added_in_place(form: SendPage) -> None:
    """S20: the plus adds a topic, which is then selected; a label that is taken is refused in place."""
    await form.open()
    page = form.page
    await expect(page.get_by_label("Topic", exact=True)).to_have_value("default")
    await page.get_by_role("button", name="Add a topic").click()
    await page.get_by_label("Label of the new topic").fill("Default")
    await page.keyboard.press("Enter")
    await expect(page.locator("#topic-problem")).to_contain_text("Default")
    forgive(form.page, "409")
    label = f"Road works {next(_IDS)}"
    await page.get_by_label("Label of the new topic").fill(label)
    await page.keyboard.press("Enter")
    chosen = page.get_by_label("Topic", exact=True).locator("option:checked")
    await expect(chosen).to_have_text(label)
    await expect(page.get_by_label("Label of the new topic")).to_be_hidden()
    await form.fill()
    await form.send.click()
    await expect(page.get_by_text(f"topic {label}.")).to_be_visible()


async def test_numbers_are_pasted_as_a_list(form: SendPage) -> None:
    """S22: blanks, empty items and a trailing comma do not matter; each number becomes a chip in E.164."""
    await form.open()
    await form.paste("  (415) 555-0101 ,, +1 415 555 0102,\n +14155550103 , ")
    await expect(form.chips).to_have_count(3)
    await expect(form.chips.nth(0)).to_contain_text("+14155550101")
    await form.recipients.fill("4155550104")
    await form.recipients.press("Enter")
    await expect(form.chips).to_have_count(4)
    await form.recipients.press("Backspace")
    await expect(form.chips).to_have_count(3)
    await form.page.get_by_role("button", name="Remove +14155550102").click()
    await expect(form.chips).to_have_count(2)
    await expect(form.page.locator("#recipients-count")).to_have_text("2 recipients.")


async def test_an_empty_text_is_not_sent(form: SendPage) -> None:
    """S23: without a text Send stays off, and the form says what is needed."""
    await form.open()
    await form.recipients.fill("+14155550101,")
    await form.text.fill("   ")
    await expect(form.page.locator("#needed")).to_have_text("Still needed: a text.")
    await expect(form.send).to_be_disabled()


async def test_emoji_where_they_are_allowed(administrator: AsyncClient, form: SendPage) -> None:
    """S24: a panel of emoji where the contact point allows them; where not, no panel, and a typed one is refused."""
    plain = await contact_point(administrator, emoji_enabled=False)
    await form.open()
    await form.text.fill("Well done ")
    button = form.page.get_by_role("button", name="Insert an emoji")
    await button.click()
    await form.page.get_by_role("button", name="party popper").click()
    await expect(form.text).to_have_value("Well done 🎉")
    await expect(form.fact("Encoding")).to_have_text("UCS-2")
    await form.page.get_by_label("Contact point").select_option(plain)
    await expect(button).to_be_hidden()
    await expect(form.page.locator("#text-problem")).to_contain_text("moji")
    await expect(form.send).to_be_disabled()


async def test_a_snippet_is_inserted_by_its_tag(administrator: AsyncClient, agent: Person, form: SendPage) -> None:
    """S25: `/` and a tag offer snippets; what is sent is the text as it was then, also after the snippet changed."""
    tag = f"outage{next(_IDS)}"
    made = (await administrator.create_snippet(tag, "The power is out.", shared=True)).snippet
    await form.open()
    await form.text.press_sequentially("Hello. /outage")
    await expect(form.page.get_by_role("option", name=f"/{tag}")).to_be_visible()
    await agent.look("snippets")
    await form.text.press("Enter")
    await expect(form.text).to_have_value("Hello. The power is out.")
    await form.recipients.fill("+14155550105,")
    await expect(form.send).to_be_enabled()
    await form.send.click()
    await expect(form.confirmation).to_be_visible()
    await administrator.update_snippet(made.snippet_id, text="All is well.")
    (newest, *_) = [one async for one in administrator.notifications(page_size=1)]
    assert newest.text == "Hello. The power is out."


async def test_a_long_text_needs_a_tick(agent: Person, form: SendPage) -> None:
    """S26–S28: a text over 160 characters warns and Send is off until the tick; a tick for two does not cover
    three, and with a tick for three the phone gets the whole text in as many SMS."""
    await form.open()
    await form.recipients.fill("+14155550101, +14155550102,")
    await form.text.fill("a" * 161)
    await expect(form.warning).to_contain_text("gets 2 of them")
    await expect(form.send).to_be_disabled()
    await agent.look("long")
    tick = form.page.get_by_label("Send it as 2 messages to each recipient")
    await tick.check()
    await expect(form.send).to_be_enabled()
    await expect(form.fact("Billable segments")).to_have_text("4")
    await form.text.fill("a" * 400)
    await expect(form.warning).to_contain_text("gets 3 of them")
    await expect(form.page.get_by_label("Send it as 3 messages to each recipient")).not_to_be_checked()
    await expect(form.send).to_be_disabled()
    await form.page.get_by_label("Send it as 3 messages to each recipient").check()
    await form.send.click()
    await expect(form.confirmation).to_be_visible()
    await form.page.goto("/handsets#+14155550102")
    arrived = form.page.get_by_role("list", name="Texts").get_by_role("listitem").filter(has_text="a" * 400)
    await expect(arrived).to_contain_text("3 segments")


async def test_a_shortened_text_needs_no_tick(form: SendPage) -> None:
    """S29: shortened to a single SMS the warning goes, and Send is on without a tick."""
    await form.open()
    await form.recipients.fill("+14155550101,")
    await form.text.fill("a" * 161)
    await expect(form.warning).to_be_visible()
    await form.text.fill("a" * 160)
    await expect(form.warning).to_be_hidden()
    await expect(form.send).to_be_enabled()


async def test_a_confirmation_and_live_progress(agent: Person, form: SendPage) -> None:
    """S30, S32: after the send a confirmation, then counts by state until all is done, with the numbers that failed."""
    await form.open()
    await form.fill("+14155550101, +14155550102, +14155550151, +14155550160")
    await agent.look("filled")
    await form.send.click()
    await expect(form.confirmation).to_be_focused()
    page = form.page
    await expect(page.get_by_text("4 messages accepted from")).to_be_visible()
    await expect(page.get_by_text("All done: 2 messages delivered, 2 not delivered.")).to_be_visible()
    failed = page.get_by_role("list", name="Problem numbers").get_by_role("listitem")
    await expect(failed).to_have_count(2)
    await expect(failed.filter(has_text="+14155550151")).to_contain_text("could not be reached")
    await expect(failed.filter(has_text="+14155550160")).to_contain_text("Rejected")
    await agent.look("sent")
    await page.goto("/")
    await expect(page.get_by_role("row", name="Default")).to_be_visible()
    await agent.look("welcome")


async def test_the_problem_number_is_shown(agent: Person, form: SendPage) -> None:
    """S31: a number that is no SMS recipient is shown with why, and sent to nobody; it may be left out by choice."""
    await form.open()
    await form.fill("+14155550101")
    await form.recipients.fill("12345, +1415555010A,")
    problems = form.page.get_by_role("list", name="Problem numbers").get_by_role("listitem")
    await expect(problems).to_have_count(2)
    await expect(problems.nth(0)).to_contain_text("12345")
    await expect(problems.nth(1)).to_contain_text("+1415555010A")
    await expect(form.send).to_be_disabled()
    await agent.look("problems")
    await form.page.get_by_label("Leave these out and send to the others").check()
    await expect(form.send).to_be_enabled()
    await form.send.click()
    await expect(form.page.get_by_text("1 message accepted")).to_be_visible()
    await expect(form.page.get_by_text("2 recipients left out")).to_be_visible()
    await expect(form.page.get_by_role("list", name="left out").get_by_text("12345")).to_be_visible()


async def test_a_refusal_at_the_send_shows_the_problem(administrator: AsyncClient, form: SendPage) -> None:
    """S32: what becomes impossible between the preview and the send is refused, said, and nothing is lost."""
    point = await contact_point(administrator)
    await form.open(point)
    await form.fill("+14155550101")
    changed = contact_point_pb2.ContactPoint(contact_point_id=point, allowed_countries=["GB"])
    await administrator.update_contact_point(changed, ["allowed_countries"])
    await form.page.evaluate("document.activeElement.blur()")
    await form.send.click()
    await expect(form.page.locator("#problem")).to_contain_text("+14155550101")
    await expect(form.text).to_have_value(GARAGE)
    forgive(form.page, "400")


async def test_who_opted_out_is_left_out(administrator: AsyncClient, form: SendPage) -> None:
    """S11: a recipient known to have opted out, and a repeated one, are shown as left out, and not sent to."""
    state = consent_pb2.CONSENT_STATE_OPTED_OUT
    await administrator.record_consent("+14155550119", state, evidence="asked by phone")
    await form.open()
    await form.fill("+14155550119, +14155550101, 415-555-0101")
    await expect(form.page.locator("#recipients-count")).to_have_text("3 recipients, 2 left out.")
    await expect(form.fact("Messages")).to_have_text("1")


async def test_a_csv_file_brings_variables(agent: Person, form: SendPage) -> None:
    """Columns become variables; what is wrong is shown by row and cell; the handset shows the first text."""
    await form.open()
    await form.drop(
        "people.csv",
        'Name,Mobile\n"Doe, Ann",+14155550101\nBen,12345\n,+14155550103\n',
    )
    await expect(form.chips).to_have_count(3)
    await form.text.fill("Hello ")
    await form.page.get_by_role("button", name="Insert the variable Name").click()
    await expect(form.text).to_have_value("Hello {{Name}}")
    await expect(form.page.locator("[data-sample]")).to_have_text("Hello Doe, Ann")
    problems = form.page.get_by_role("list", name="Problem numbers").get_by_role("listitem")
    await expect(problems.filter(has_text="Row 3, Mobile")).to_contain_text("12345")
    await expect(problems.filter(has_text="Row 4, Name")).to_contain_text("+14155550103")
    await agent.look("csv")


async def test_a_csv_file_is_sent(form: SendPage) -> None:
    """A file chosen with the button is sent: each phone gets the text with its own cells."""
    ann, ben = "+14155550141", "+14155550142"
    await form.open()
    content = f"Name,Mobile\nAnn,{ann}\nBen,{ben}\n".encode()
    await form.page.get_by_label("Recipients from a CSV file").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": content}
    )
    await expect(form.chips).to_have_count(2)
    await form.text.fill("{{Name}}, the garage is open again.")
    await form.send.click()
    await expect(form.page.get_by_text("2 messages accepted from")).to_be_visible()
    await expect(form.page.get_by_text("All done: 2 messages delivered, 0 not delivered.")).to_be_visible()
    for number, name in ((ann, "Ann"), (ben, "Ben")):
        await form.page.goto(f"/handsets#{number}")
        texts = form.page.get_by_role("list", name="Texts").get_by_role("listitem")
        await expect(texts).to_contain_text([f"{name}, the garage is open again."])


async def test_cost_and_finish_time(form: SendPage) -> None:
    """The form shows what a send is expected to cost and when it is done."""
    await form.open()
    await form.fill("+14155550101, +14155550102")
    await expect(form.fact("Estimated cost")).to_have_text("$0.015")
    await expect(form.fact("Finished by about")).to_have_text(re.compile(r"\d:\d\d.[AP]M$"))


async def test_quiet_hours_are_said(administrator: AsyncClient, form: SendPage) -> None:
    """What quiet hours would hold is said before the send."""
    hours = contact_point_pb2.QuietHours(start="00:00", end="23:59", fallback_time_zone="UTC")
    point = await contact_point(administrator, quiet_hours=hours)
    await form.open(point)
    await form.fill("+14155550101")
    await expect(form.page.get_by_text("Quiet hours hold 1 message")).to_be_visible()


async def test_ten_thousand_recipients_stay_usable(form: SendPage) -> None:
    """A list of 10,000 is validated, drawn in part with its problem first, and typing goes on meanwhile."""
    await form.open()
    numbers = ", ".join([f"+4474{number:08d}" for number in range(9_999)] + ["12345"])
    await form.paste(numbers)
    await expect(form.page.locator("#recipients-count")).to_have_text(
        "10,000 recipients, 1 problem number.", timeout=30_000
    )
    await expect(form.chips.first).to_contain_text("12345")
    await form.text.press_sequentially("Typing goes on.")
    await expect(form.text).to_have_value("Typing goes on.")
    await form.page.get_by_role("button", name="Remove 1 problem number").click()
    await expect(form.fact("Messages")).to_have_text("9,999", timeout=30_000)


async def test_a_double_click_sends_once(administrator: AsyncClient, form: SendPage) -> None:
    """The request id belongs to the form: the same form sent twice is one notification."""
    text = f"Once only {next(_IDS)}"
    await form.open()
    await form.fill(text=text)
    identifier = await form.page.locator("#send").get_attribute("data-request-id")
    await form.send.dblclick()
    await expect(form.confirmation).to_be_visible()
    await form.page.goto("/send")
    await form.page.evaluate("(id) => { document.getElementById('send').dataset.requestId = id }", identifier)
    await form.page.get_by_label("Contact point").select_option("main")
    await form.fill(text=text)
    await form.send.click()
    await expect(form.page.get_by_text("nothing was sent twice")).to_be_visible()
    assert len([one async for one in administrator.notifications() if one.text == text]) == 1


async def test_what_was_typed_outlives_the_session(agent: Person, form: SendPage) -> None:
    """Whoever is signed out while typing signs in again and finds recipients and text as they were."""
    await form.open()
    await form.fill("+14155550101, +14155550102")
    await form.page.context.clear_cookies(name="sendout-session")
    await form.text.fill(f"{GARAGE} Thank you.")
    await expect(form.page.get_by_role("heading", name="Sign in to Sendout")).to_be_visible()
    forgive(form.page, "401")
    await form.page.get_by_label("User name").fill(agent.user)
    await form.page.get_by_label("Password").fill(Person.PASSWORD)
    await form.page.keyboard.press("Enter")
    await expect(form.text).to_have_value(f"{GARAGE} Thank you.")
    await expect(form.chips).to_have_count(2)
    await expect(form.send).to_be_enabled()
