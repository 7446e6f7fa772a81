"""Admin in a real browser, as somebody with the Administrator role uses it, and as others find it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from sendout.client import AsyncClient, Unauthenticated
from sendout.v1 import consent_pb2, contact_point_pb2
from tests.browser.person import Person, forgive
from tests.browser.sending import SendPage
from tests.e2e.running import Running

_IDS = itertools.count(1)


async def own_point(client: AsyncClient) -> str:
    """A contact point of the test's own, with Everyone on both lists."""
    identifier = f"admin-{next(_IDS)}"
    point = contact_point_pb2.ContactPoint(
        contact_point_id=identifier, label=identifier.title(), sender="+14155550003", carrier="simulator"
    )
    await client.create_contact_point(point)
    return identifier


async def said(page: Page, sentence: str) -> None:
    """What the page says once something was done."""
    await expect(page.locator("#said")).to_contain_text(sentence)


async def test_others_are_refused_and_told_whom_to_ask(agent: Person) -> None:
    """Whoever may not administer finds no Admin in the toolbar; its address says who can help."""
    await expect(agent.page.get_by_role("link", name="Admin", exact=True)).to_be_hidden()
    await agent.page.goto("/admin/contact-points")
    await expect(agent.page.get_by_role("heading", name="You may not see this")).to_be_visible()
    await expect(agent.page.get_by_text("An administrator can give you a role")).to_be_visible()
    forgive(agent.page, "403")


async def test_a_role_taken_off_the_list_is_refused_at_once(administrator: AsyncClient, supervisor: Person) -> None:
    """S3, S5: Everyone is taken off Send Notifications in another tab; the next send is refused, and the list of who
    starts conversations is as it was."""
    point = await own_point(administrator)
    form = SendPage(supervisor.page)
    await form.open(point)
    await form.fill("+14155550101")
    page = await supervisor.page.context.new_page()
    await page.goto("/admin")
    await page.get_by_role("link", name=point.title()).click()
    await expect(page.get_by_role("heading", name="Outbound Roles")).to_be_visible()
    roles = page.get_by_role("group", name="Send Notifications")
    await roles.get_by_label("Everyone").uncheck()
    await roles.get_by_label("Agents").check()
    await page.get_by_role("button", name="Save").click()
    await said(page, "from the next send on")
    await form.send.click()
    await expect(form.page.get_by_role("alert").filter(has_text="may not send").first).to_be_visible()
    kept = (await administrator.get_contact_point(point)).contact_point
    assert (list(kept.send_notification_roles), list(kept.start_conversation_roles)) == (["agents"], ["everyone"])
    forgive(page, "403")


async def test_the_settings_of_a_contact_point(administrator: AsyncClient, supervisor: Person) -> None:
    """Every kind of setting is saved as typed; a bad one is refused at its field, in words."""
    point = await own_point(administrator)
    page = supervisor.page
    await page.goto(f"/admin/contact-points/{point}")
    await supervisor.look("contact-point")
    await page.get_by_label("Sender").fill("not a number!")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Sender")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#sender-wrong")).not_to_be_empty()
    await expect(page.get_by_label("Sender")).to_be_focused()
    forgive(page, "400")
    await page.get_by_label("Sender").fill("+14155550004")
    await page.get_by_label("Segments per second").fill("2.5")
    await page.get_by_label("Daily cap").fill("5000")
    await page.get_by_label("Time zone of that day").fill("Europe/Paris")
    await page.get_by_label("Countries").fill("US, CA")
    await page.get_by_label("Consent policy").select_option(label="Only those who opted in")
    quiet = page.get_by_role("group", name="Quiet hours")
    await quiet.get_by_label("From").fill("21:00")
    await quiet.get_by_label("Until").fill("08:00")
    await quiet.get_by_label("Zone").fill("America/New_York")
    await page.get_by_label("Emoji may be used").uncheck()
    await page.get_by_role("button", name="Save").click()
    await said(page, "Saved.")
    kept = (await administrator.get_contact_point(point)).contact_point
    assert (kept.sender, kept.segments_per_second, kept.daily_segment_cap) == ("+14155550004", 2.5, 5000)
    assert (kept.cap_time_zone, sorted(kept.allowed_countries)) == ("Europe/Paris", ["CA", "US"])
    assert kept.consent_policy == contact_point_pb2.CONSENT_POLICY_REQUIRE_OPT_IN
    assert (kept.quiet_hours.start, kept.quiet_hours.end) == ("21:00", "08:00")
    assert (kept.emoji_enabled, kept.enabled, kept.label) == (False, True, point.title())
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Nothing was changed.")).to_be_visible()


async def test_a_role_without_duties_and_a_user_who_holds_it(
    administrator: AsyncClient, supervisor: Person, site: Running
) -> None:
    """S6: a role with no permission and a new user with it; the link that is shown once signs the user in."""
    page, name = supervisor.page, f"notifiers-{next(_IDS)}"
    await page.goto("/admin/roles")
    await page.get_by_text("New role").click()
    await page.get_by_label("Label").fill(name)
    await page.get_by_label("Id", exact=True).fill(name)
    await page.get_by_role("button", name="Create role").click()
    await said(page, "The role is there.")
    await page.goto("/admin/users")
    await page.get_by_text("New user").click()
    await page.get_by_label("Name (required)").fill(f"Ada {name}")
    await page.get_by_label("User name", exact=True).fill(f"ada-{name}")
    await page.get_by_role("group", name="Roles").get_by_label(name).check()
    await page.get_by_role("button", name="Create user").click()
    await said(page, "The user is there.")
    assert list((await administrator.get_user(f"ada-{name}")).user.role_ids) == [name]
    await page.goto(f"/admin/users/ada-{name}")
    await page.get_by_role("button", name="Make a sign-in link").click()
    link = await page.get_by_role("dialog", name="Sign-in link").locator(".secret").inner_text()
    assert link.startswith(f"{site.console}/sign-in#")
    assert page.context.browser is not None
    other = await page.context.browser.new_context(locale="en-US")
    visitor = await other.new_page()
    await visitor.goto(link)
    await expect(visitor.get_by_role("heading", name="Welcome")).to_be_visible()
    await other.close()


async def test_a_key_is_shown_once_and_revoked(supervisor: Person, site: Running) -> None:
    """The secret of a new key works, is not shown again, and is refused once the key is revoked."""
    page, label = supervisor.page, f"Key {next(_IDS)}"
    await page.goto("/admin/api-keys")
    await page.get_by_text("New API key").click()
    await page.get_by_label("Label").fill(label)
    await page.get_by_label("Daily quota").fill("1000")
    await page.get_by_role("button", name="Create API key").click()
    dialog = page.get_by_role("dialog", name="The new key's secret")
    secret = await dialog.locator(".secret").inner_text()
    await supervisor.look("secret")
    await dialog.get_by_role("button", name="I have kept it").click()
    row = page.get_by_role("row").filter(has_text=label)
    await expect(row).to_contain_text("1,000")
    assert secret not in await page.content()
    async with AsyncClient(site.target, secret) as client:
        assert (await client.whoami()).label == label
        await row.get_by_role("button", name=f"Revoke {label}").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
        await said(page, "The key is revoked.")
        with pytest.raises(Unauthenticated):
            await client.whoami()


async def test_snippets(supervisor: Person, administrator: AsyncClient) -> None:
    """A shared snippet is made, changed, and deleted after a question."""
    page, tag = supervisor.page, f"garage-{next(_IDS)}"
    await page.goto("/admin/snippets")
    await page.get_by_text("New shared snippet").click()
    await page.locator("#shared-tag").fill(tag)
    await page.locator("#shared-text").fill("Closed <b>today</b>.")
    await page.get_by_role("button", name="Create snippet").last.click()
    await said(page, "The snippet is there.")
    card = page.get_by_role("listitem").filter(has_text=tag)
    await expect(card.locator("bdi")).to_have_text("Closed <b>today</b>.")
    await card.locator("summary").click()
    await card.get_by_label("Text").fill("Closed until noon.")
    await card.get_by_role("button", name="Save").click()
    await said(page, "Saved.")
    assert [one.text async for one in administrator.snippets() if one.tag == tag] == ["Closed until noon."]
    await card.get_by_role("button", name=f"Delete {tag}").click()
    await page.keyboard.press("Escape")
    await expect(card).to_be_visible()
    await card.get_by_role("button", name=f"Delete {tag}").click()
    await page.get_by_role("button", name="Delete the snippet").click()
    await said(page, "The snippet is deleted.")
    await expect(card).to_have_count(0)


async def test_consent_is_imported_with_its_problems_and_looked_up(
    supervisor: Person, administrator: AsyncClient, tmp_path: Path
) -> None:
    """S11: a file's good rows are recorded, its problem rows are listed by row; a number tells whether it may be sent
    to, and a word said by telephone changes that."""
    words = tmp_path / "words.csv"
    words.write_text(
        'phone_number,state,evidence\n+14155550171,opted-out,"By letter, 4711"\n12,opted-out,\n+14155550172,maybe,\n'
    )
    page = supervisor.page
    await page.goto("/admin/consent")
    await page.get_by_text("Import a CSV file").click()
    await page.get_by_label("File").set_input_files(words)
    await page.get_by_role("button", name="Import").click()
    await expect(page.locator("#imported")).to_contain_text("Recorded: 1 word. Left out: 2 rows.")
    left_out = page.get_by_role("region", name="Rows left out").get_by_role("row")
    await expect(left_out.nth(1)).to_contain_text("12")
    await expect(left_out.nth(2)).to_contain_text("Write opted-in or opted-out")
    await page.get_by_label("Number", exact=True).fill("+14155550171")
    await page.get_by_role("button", name="Look up").click()
    await expect(page.locator("#found")).to_contain_text("It may not be sent to.")
    await expect(page.locator("#found")).to_contain_text("By letter, 4711")
    await supervisor.look("consent")
    await page.get_by_text("Record what somebody said").click()
    await page.get_by_label("Number (required)").fill("+14155550171")
    await page.get_by_label("What they said").select_option(label="Opted in")
    await page.get_by_role("button", name="Record", exact=True).click()
    await said(page, "on record")
    state = (await administrator.get_consent("+14155550171")).consents[0].state
    assert state == consent_pb2.CONSENT_STATE_OPTED_IN


async def test_prices_and_what_was_used(supervisor: Person, administrator: AsyncClient) -> None:
    """S7: with a price, what was sent has a cost, by month and contact point; the file holds the same."""
    page = supervisor.page
    await page.goto("/admin/prices")
    await page.get_by_text("New price").click()
    await page.get_by_label("Price of one segment").fill("seven cents")
    await page.get_by_label("Currency").fill("USD")
    await page.get_by_role("button", name="Create price").click()
    await expect(page.locator("#amount-wrong")).to_contain_text("Write an amount such as 0.07")
    await page.get_by_label("Price of one segment").fill("0.07")
    await page.get_by_role("button", name="Create price").click()
    await said(page, "The price is there.")
    await expect(page.get_by_role("row").nth(1)).to_contain_text("0.07 USD")
    sent = await administrator.send(["+14155550101", "+14155550102"], "The garage is closed.", contact_point="main")
    await administrator.wait(sent.notification.notification_id)
    await page.goto("/admin/usage")
    await page.get_by_label("Contact point").check()
    await page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row").filter(has_text="Main line")
    await expect(row).to_contain_text("USD")
    await supervisor.look("usage")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download CSV").click()
    lines = (await (await download.value).path()).read_text().splitlines()
    assert lines[0] == "month,contact_point,messages,billable_segments,cost,currency,unpriced_segments"
    assert any(",main," in line and ",USD," in line for line in lines[1:])


async def test_the_trail_tells_who_changed_what(supervisor: Person, administrator: AsyncClient) -> None:
    """A change stands in Audit with who made it, and filters leave others out."""
    point = await own_point(administrator)
    await supervisor.page.goto("/admin/audit")
    await supervisor.page.get_by_label("Id of what was changed").fill(point)
    await supervisor.page.get_by_role("button", name="Show").click()
    rows = supervisor.page.get_by_role("row")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("CreateContactPoint")
    await supervisor.page.goto("/admin/audit?from=soon")
    await expect(supervisor.page.get_by_text("Write a day such as 2026-03-01. You typed 'soon'.")).to_be_visible()
    forgive(supervisor.page, "400")


async def test_everybody_keeps_snippets_of_their_own(agent: Person) -> None:
    """Whoever may not administer finds Snippets below their name, makes some, and cannot change the shared ones."""
    page = agent.page
    await page.locator("summary").filter(has_text="Robin Doe").click()
    await page.get_by_role("link", name="Snippets").first.click()
    await expect(page.get_by_text("Administrators change these.")).to_be_visible()
    await page.get_by_text("New snippet of your own").click()
    await page.get_by_label("Tag").fill("noon")
    await page.get_by_label("Text").fill("Until noon.")
    await page.get_by_role("button", name="Create snippet").click()
    await said(page, "The snippet is there.")
    await expect(page.get_by_role("listitem").filter(has_text="Until noon.")).to_be_visible()
