"""diracx-web served by jobdb alone: everything that it can do with jobs."""

import itertools
import json
from datetime import datetime, timedelta, timezone

import pytest

SESSION = "oidc.vo:local group:user"  # where the page keeps its tokens
numbers = itertools.count(1)


@pytest.fixture
def name():
    """A name for the jobs of a test."""
    return f"job{next(numbers)}"


@pytest.fixture(scope="module")
def signed_in(page, laptop):
    """The tests share a login; the last one ends it."""
    return Monitor(page).sign_in(laptop.url)


@pytest.fixture
def monitor(page, signed_in):
    """The job monitor of a user who has signed in, as it comes up."""
    page.reload()
    page.get_by_test_id("search-bar").wait_for()
    return signed_in


class Monitor:
    """The page, by what its users see and press."""

    def __init__(self, page):
        self.page = page

    def sign_in(self, url):
        self.page.goto(url)
        self.page.get_by_test_id("login-form-button").click()
        self.page.get_by_test_id("search-bar").wait_for()
        return self

    def refresh(self):
        self.page.get_by_test_id("refresh-search-button").click()

    def filter(self, *words):
        """Type a filter word by word: column, operator, value."""
        field = self.page.get_by_test_id("search-field")
        for word in words:
            field.press_sequentially(word)
            field.press("Enter")
        self.page.get_by_text("List of Jobs").click(force=True)  # the list of suggestions goes away

    def row(self, job):
        cell = self.page.get_by_role("cell", name=job, exact=True)
        return self.page.locator("table tbody tr").filter(has=cell)

    def rows(self):
        return self.page.locator("table tbody tr")

    def press(self, button, job):
        """Select a job and press a button of the toolbar."""
        self.row(job).get_by_role("checkbox").check()
        self.page.get_by_test_id(button).first.click()

    def has(self, job, *texts):
        """Wait until the row of a job shows some texts."""
        for text in texts:
            self.row(job).filter(has_text=text).wait_for()

    def says(self, text):
        self.page.get_by_text(text).wait_for()


def test_sign_in(page, monitor):
    page.get_by_test_id("profile-button").click()
    page.get_by_text("Properties").click()
    page.get_by_text("NormalUser").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("NormalUser").wait_for(state="hidden")


def test_token_is_renewed(page, monitor):
    """The page renews a token by itself before it ends; here the page takes it for ended, and is loaded again."""
    end = """name => {
        const session = JSON.parse(sessionStorage.getItem(name));
        session.tokens.expiresAt = session.tokens.accessTokenPayload.exp = Math.floor(Date.now() / 1000) - 10;
        sessionStorage.setItem(name, JSON.stringify(session));
    }"""
    page.evaluate(end, SESSION)
    with page.expect_response(lambda r: r.url.endswith("/api/auth/token")) as renewed:
        page.reload()
    assert "grant_type=refresh_token" in renewed.value.request.post_data
    assert renewed.value.status == 200
    page.get_by_test_id("search-bar").wait_for()


def test_jobs_of_the_command_line(monitor, command_line, name):
    jobs = [command_line.submit(name) for _ in range(2)]
    monitor.refresh()
    for job in jobs:
        monitor.has(job, "Received", "Job accepted", name)


def test_filter(page, monitor, command_line, name):
    one, other = command_line.submit(name), command_line.submit(name + "other")
    monitor.refresh()
    monitor.has(other, "Received")
    monitor.filter("ID", "=", one)
    monitor.row(other).wait_for(state="detached")
    monitor.has(one, name)
    assert monitor.rows().count() == 1
    page.get_by_test_id("clear-filters-button").click()
    monitor.has(other, name)


def test_details(page, monitor, command_line, name):
    """The page's details of a job are its columns: those hidden at first are shown."""
    job = command_line.submit(name)
    owner = command_line.column(job, "Owner")
    monitor.refresh()
    monitor.has(job, name)
    page.get_by_test_id("column-visibility-button").click()
    columns = page.get_by_test_id("column-visibility-popover")
    for column in ("Owner", "VO"):
        columns.get_by_text(column, exact=True).locator("xpath=..").locator("input").check()
    page.keyboard.press("Escape")
    for text in (owner, "local"):
        monitor.row(job).get_by_role("cell", name=text, exact=True).first.wait_for()


def test_history(page, monitor, command_line, laptop, name):
    job = command_line.submit(name)
    time = (datetime.now(timezone.utc) + timedelta(seconds=1)).isoformat()
    update = {job: {time: {"Status": "Checking", "MinorStatus": "JobPath", "Source": "JobPath"}}}
    token = command_line.environment["JOBDB_TOKEN"]
    answer = page.request.patch(f"{laptop.url}/api/jobs/status", data=update, headers={"Authorization": f"Bearer {token}"})
    assert answer.ok, answer.text()
    monitor.refresh()
    monitor.has(job, "Checking")
    monitor.row(job).get_by_role("cell", name=name, exact=True).click(button="right")
    page.get_by_test_id("get-history-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(f"Job History: {job}").wait_for()
    for text in ("Checking", "JobPath", "Received", "Job accepted"):
        dialog.get_by_text(text).first.wait_for()


def test_kill(monitor, command_line, name):
    job = command_line.submit(name)
    monitor.refresh()
    monitor.press("kill-jobs-button", job)
    monitor.says("Success for all selected jobs")
    monitor.has(job, "Killed", "Marked for termination")
    assert command_line.column(job, "Status") == "Killed"


def test_delete(monitor, command_line, name):
    job = command_line.submit(name)
    monitor.refresh()
    monitor.press("delete-jobs-button", job)
    monitor.says("Deleted successfully")
    monitor.has(job, "Deleted", "Marked for deletion")
    assert command_line.column(job, "Status") == "Deleted"


def test_reschedule(monitor, command_line, name):
    job, killed = command_line.submit(name), command_line.submit(name + "killed")
    monitor.refresh()
    monitor.press("reschedule-jobs-button", job)
    monitor.says("Success for all selected jobs")
    monitor.has(job, "Received", "Job Rescheduled")
    assert command_line.column(job, "RescheduleCounter") == "1"
    monitor.press("kill-jobs-button", killed)
    monitor.has(killed, "Killed")
    monitor.press("reschedule-jobs-button", killed)
    monitor.says("Reschedule operation failed")  # a Killed job stays
    assert command_line.column(killed, "Status") == "Killed"


def test_sandbox_is_refused(page, monitor, command_line, name):
    """jobdb has no sandboxes: the page says so, and goes on."""
    job = command_line.submit(name)
    monitor.refresh()
    monitor.row(job).get_by_role("cell", name=name, exact=True).click(button="right")
    page.get_by_test_id("download-output-sandbox-button").click()
    monitor.says(f"Fetching sandbox of {job} failed")
    monitor.has(job, "Received")


def test_sign_out(page, laptop, monitor):
    refresh = json.loads(page.evaluate("name => sessionStorage.getItem(name)", SESSION))["tokens"]["refreshToken"]
    page.get_by_test_id("profile-button").click()
    with page.expect_response(lambda r: r.url.endswith("/api/auth/revoke")) as revoked:
        page.get_by_test_id("logout-button").click()
    assert revoked.value.status == 200
    page.get_by_test_id("login-form-button").wait_for()
    form = {"grant_type": "refresh_token", "client_id": "myDIRACClientID", "refresh_token": refresh}
    assert page.request.post(f"{laptop.url}/api/auth/token", form=form).status == 401
    page.goto(laptop.url)
    page.get_by_test_id("login-form-button").wait_for()
