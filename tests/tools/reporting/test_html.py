"""The page: whole, self-contained, the same each time, and harmless whatever the traces say."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analyze_experiment.tests.tools.insights.samples import SNAPSHOT
from analyze_experiment.tests.tools.reporting.conftest import HOSTILE, QUERY
from analyze_experiment.tools.insights.models import ModelRecord, Onset, Spend, TrendPoint
from analyze_experiment.tools.reporting.changes import changes_of
from analyze_experiment.tools.reporting.facts import ReportFacts
from analyze_experiment.tools.reporting.html import render_html
from analyze_experiment.tools.reporting.markdown import render_markdown
from analyze_experiment.tools.reporting.words import when

Gather = Callable[..., ReportFacts]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def test_text_of_traces_is_shown_and_never_taken_for_markup(gather: Gather) -> None:
    page = Page(render_html(gather()))
    assert not {"script", "img", "b", "iframe", "object", "link"} & (set(page.tags) - {"b"})
    assert [name for name, _ in page.attributes if name.startswith("on")] == []
    assert HOSTILE.replace("`", "") in page.text.replace("`", "")


def test_page_asks_for_nothing_from_outside(gather: Gather) -> None:
    text = render_html(gather(ui_url="https://pages.example/mlflow"))
    page = Page(text)
    assert page.values("src") == []
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text
    assert {value.partition("#")[0] for value in page.values("href")} == {"", "https://pages.example/mlflow/"}
    assert "default-src 'none'" in " ".join(page.values("content"))


def test_every_link_within_the_page_leads_somewhere_and_no_place_is_named_twice(gather: Gather) -> None:
    page = Page(render_html(gather()))
    places = page.values("id")
    assert len(places) == len(set(places))
    assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(places)
    assert {each.issue.issue_id for each in gather().issues} | {QUERY} <= set(places)


def test_traces_and_spans_lead_to_mlflows_pages_where_their_address_is_known(gather: Gather) -> None:
    facts = gather(ui_url="http://pages:5000/")
    example = facts.of_kind("operational")[0].examples[0]
    hrefs = Page(render_html(facts)).values("href")
    assert facts.pages.trace(facts.analysis.experiment_id, example.evidence.trace_id) in hrefs
    assert facts.pages.run(facts.analysis.experiment_id, facts.analysis.run_id) in hrefs
    assert [href for href in Page(render_html(gather())).values("href") if not href.startswith("#")] == []


def test_text_of_traces_is_escaped_in_the_markdown_too(gather: Gather) -> None:
    without_code = re.sub(r"`[^`\n]*`", "", render_markdown(gather()))
    assert [line for line in without_code.splitlines() if re.search(r"(?<!\\)<", line)] == []


def test_page_says_what_the_model_was_asked_and_what_it_was_not(gather: Gather) -> None:
    facts = gather()
    spend = Spend(calls=1234, skipped={"plans": 3}, stopped_because="the budget of 1 USD is spent")
    model = ModelRecord(model="some-model", endpoint="http://127.0.0.1:1/v1")
    told = replace(facts, analysis=facts.analysis.model_copy(update={"model": model, "spend": spend}))
    for text in (Page(render_html(told)).text, render_markdown(told)):
        assert "1,234 questions" in text
        assert "not asked: the budget of 1 USD is spent. Another analysis with a larger budget asks them." in text


def test_page_says_what_the_markdown_says(gather: Gather) -> None:
    facts = gather()
    page, markdown = Page(render_html(facts)).text, render_markdown(facts)
    for heading in re.findall(r"^## (.*)$", markdown, flags=re.MULTILINE):
        assert heading in page
    for figure in re.findall(r"\d[\d,.]* of \d[\d,]*|\d+\.\d+%|\bQ[0-9a-f]{10}\b|\btr-[0-9a-f]{32}\b", markdown):
        assert figure in page, figure


def test_plots_show_errors_latency_and_what_stands_out_with_the_burst_marked(gather: Gather) -> None:
    text = render_html(gather())
    page = Page(text)
    assert page.tags.count("svg") == 3
    assert {"Error rate over time", "Latency over time", "Groups that stand out"} <= set(page.values("aria-label"))
    assert "Marked: where a burst of errors begins." in page.text
    assert "Slow traces: region" in page.text
    assert re.findall(r"(?:fill|stroke): #0\d0\d0\d", text) == []


def test_errors_make_no_plot_where_there_are_none(gather: Gather) -> None:
    facts = gather()
    buckets = [
        each.model_copy(update={"value": 0.0, "numerator": 0}) if each.name == "trace_error_rate" else each
        for each in facts.census.buckets
    ]
    calm = replace(facts, census=facts.census.model_copy(update={"buckets": tuple(buckets)}))
    assert "Error rate over time" not in render_html(calm)


def test_the_same_memory_gives_the_same_bytes(gather: Gather) -> None:
    assert render_html(gather()) == render_html(gather())


def test_what_changed_since_the_last_analysis_comes_first_with_the_trend_of_the_issue(gather: Gather) -> None:
    facts, now = gather(), SNAPSHOT.instant
    first, run_id = facts.issues[0], facts.analysis.run_id
    seen_then = {"run_id": "before", "until": now - timedelta(days=7), "affected": 4, "standing": "new"}
    seen_now = {"run_id": run_id, "until": now, "affected": 20, "standing": "worse", "p_adjusted": 0.001}
    common = {"at": now, "population": 100, "effective": 90}
    looks = [TrendPoint.model_validate(common | each) for each in (seen_then, seen_now)]
    issue = first.issue.model_copy(update={"trend": tuple(looks)})
    seen = replace(facts, issues=(replace(first, issue=issue), *facts.issues[1:]), changes=changes_of([issue], run_id))
    page = Page(render_html(seen))
    assert "20 of 100 (20.0%, adjusted p 0.001)" in page.text
    assert page.text.index("Since the last analysis") < page.text.index("Issues of this analysis") < page.text.index("Cause")
    assert f"Trend of {issue.issue_id}" in page.values("aria-label")


def test_what_is_unchanged_is_folded_and_what_needs_reading_says_so(gather: Gather) -> None:
    facts, now = gather(), SNAPSHOT.instant
    common = {"at": now, "until": now, "affected": 4, "population": 100, "effective": 90}
    before, after = (
        TrendPoint.model_validate(common | each)
        for each in ({"run_id": "before", "standing": "new"}, {"run_id": facts.analysis.run_id, "standing": "still"})
    )
    still = facts.issues[0].issue.model_copy(update={"trend": (before, after)})
    read = facts.issues[1].issue.model_copy(
        update={"issue_id": "I-1-read", "source_run_id": "before", "watch": None, "found_at": now}
    )
    seen = replace(facts, changes=changes_of([still], facts.analysis.run_id), known_issues=(read,))
    page, markdown = render_html(seen), render_markdown(seen)
    head = page.partition('<section id="changes">')[2].partition("</section>")[0]
    assert head.index("Nothing that chance") < head.index("<summary>Unchanged (1)") < head.index("4 of 100")
    said = f"not looked at since {now:%Y-%m-%d} (needs reading)"
    assert said in head
    assert said in markdown
    assert "gone:" not in markdown.partition("Not looked at")[2].partition("Known issues")[0]


def test_plots_mark_when_an_issue_began_and_say_it_below(gather: Gather) -> None:
    facts = gather()
    begun = Onset(
        earliest=SNAPSHOT.instant,
        latest=SNAPSHOT.instant + timedelta(hours=2),
        affected_before=1,
        traces_before=100,
        affected_after=20,
        traces_after=100,
        p_value=0.001,
        by_hour=True,
    )
    first = facts.issues[0]
    told = replace(facts, issues=(replace(first, issue=first.issue.model_copy(update={"onset": begun})), *facts.issues[1:]))
    page = Page(render_html(told))
    assert (
        page.text.count(f"Lines above: from when to when an issue began. 1 {first.issue.title}, between {when(begun.earliest)}")
        == 2
    )
    assert "Lines above" not in Page(render_html(facts)).text


def _rendered(page: Path, text: str) -> str:
    """The document as a browser has it once it has run what it would run."""
    page.write_text(text, encoding="utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'browser'}", "--dump-dom"]
    return subprocess.run(
        [str(CHROMIUM), *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    ).stdout


def test_the_markdown_says_when_an_issue_began_where_its_traces_say_so(gather: Gather) -> None:
    facts = gather()
    begun = Onset(
        earliest=SNAPSHOT.instant,
        latest=SNAPSHOT.instant + timedelta(hours=3),
        affected_before=1,
        traces_before=200,
        affected_after=30,
        traces_after=150,
        p_value=0.001,
        by_hour=False,
    )
    first, *others = facts.issues
    known = replace(first, issue=first.issue.model_copy(update={"onset": begun}))

    assert "**Began**" not in render_markdown(facts)
    said = next(line for line in render_markdown(replace(facts, issues=(known, *others))).splitlines() if "**Began**" in line)
    assert f"between {when(begun.earliest)} and {when(begun.latest)}" in said
    assert "1 of 200 traces (0.5%) before, 30 of 150 traces (20.0%) since" in said
    assert "daily rhythm" in said


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install it (apt-get install chromium) to render the page")
def test_a_browser_runs_no_script_of_a_trace(gather: Gather, tmp_path: Path) -> None:
    assert '<html lang="taken">' in _rendered(tmp_path / "naive.html", f'<html lang="en"><body>{HOSTILE}</body></html>')
    seen = _rendered(tmp_path / "report.html", render_html(gather()))
    assert '<html lang="en">' in seen
    assert seen.count("<article") == 2


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install it (apt-get install chromium) to render the page")
def test_the_page_fits_a_phone(gather: Gather, tmp_path: Path) -> None:
    frame = f'<iframe style="width: 375px; height: 800px; border: 0" srcdoc="{escape(render_html(gather()))}"></iframe>'
    script = "frames[0].onload = () => document.documentElement.lang = frames[0].document.documentElement.scrollWidth"
    seen = _rendered(tmp_path / "phone.html", f'<html lang="unmeasured"><body>{frame}<script>{script}</script></body></html>')
    measured = re.search(r'<html lang="(\d+)"', seen)
    assert measured is not None
    assert int(measured[1]) <= 375
