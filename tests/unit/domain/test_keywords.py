"""What replies ask for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.keywords import LONGEST, Keyword, classify, words

OPT_OUTS = (
    *("STOP", "stop.", " Stop! ", '"stop"', "STOP ALL", "opt-out", "END", "StopAll", "QUIT", "CANCEL", "UNSUBSCRIBE"),
    *("REVOKE", "OPTOUT", "OPT OUT", "Opt\u2011Out", "REMOVE", "ARRET", "ARRÊT", "arre\u0302t", "ALTO", "¡Alto!"),
    *("“Stop”", "‘stop’", "\u200bST\u200dOP\ufeff", "ＳＴＯＰ", "Ⓢⓣⓞⓟ", "stop \U0001f621\U0001f6d1\ufe0f", "*STOP*"),
    *(
        "stop\n\n",
        "(stop)",
        "«STOP»",
        "stop all",
        "stop\u00a0all",
        "_stop_",
        "…stop…",
        "Quit\u0307",
        "S\u20ddT\u20ddO\u20ddP\u20dd",
    ),
)
SOFT = (
    *("Stop. Thank you", "please stop texting me", "STOP PLEASE", "Don't stop now", "Which bus stop?", "the end"),
    *("leave me alone", "No more!", "remove me pls", "Wrong number", "you have the wrong number", "STOP STOP"),
    *("Don’t text me again", "take me off your list", "please opt me, opt-out"),
)
ORDINARY = (
    *("", "   ", "ok", "Thanks, see you then", "stopped", "The weekend", "endless", "TD", "yes", "YES", "\U0001f44d"),
    *("When will the trucks stop coming on Mondays please", "who is this?", "S T O P", "10", "' ' '"),
)


@pytest.mark.parametrize("text", OPT_OUTS)
def test_opt_out(text: str) -> None:
    """A keyword alone opts out, however it is cased, accented, quoted, punctuated or decorated, opted out or not."""
    assert classify(text, opted_out=False) is Keyword.OPT_OUT
    assert classify(text, opted_out=True) is Keyword.OPT_OUT


@pytest.mark.parametrize("text", SOFT)
def test_soft_match(text: str) -> None:
    """What merely sounds like a wish to stop is for a person to look at, never automatic."""
    assert classify(text, opted_out=False) is Keyword.SOFT_MATCH


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary(text: str) -> None:
    """What asks for nothing is an ordinary reply."""
    assert classify(text, opted_out=False) is Keyword.ORDINARY


@pytest.mark.parametrize("text", ["START", "start!", "Unstop", "JOIN"])
def test_opt_in(text: str) -> None:
    """A start keyword is told also of those who are not opted out, so that callers can leave them as they are."""
    assert classify(text, opted_out=True) is Keyword.OPT_IN
    assert classify(text, opted_out=False) is Keyword.OPT_IN


def test_yes_opts_in_only_who_is_opted_out() -> None:
    """YES is an answer to anything, and means "start" only from somebody who is opted out."""
    assert classify("Yes!", opted_out=True) is Keyword.OPT_IN
    assert classify("Yes!", opted_out=False) is Keyword.ORDINARY


@pytest.mark.parametrize("text", ["HELP", "help?", "INFO", "Aide", "AYUDA"])
def test_help(text: str) -> None:
    """A help keyword asks for help, also from somebody who is opted out."""
    assert classify(text, opted_out=True) is Keyword.HELP
    assert classify(text, opted_out=False) is Keyword.HELP


def test_td_is_a_keyword_in_canadian_french_only() -> None:
    """TD opts out at Canadian French senders and means nothing elsewhere."""
    assert classify("td.", opted_out=False, canadian_french=True) is Keyword.OPT_OUT
    assert classify("td.", opted_out=False) is Keyword.ORDINARY


def test_seven_words_are_no_soft_match() -> None:
    """A stop word among six words is a soft match, among seven it is not."""
    assert classify("one two three four five stop", opted_out=False) is Keyword.SOFT_MATCH
    assert classify("one two three four five six stop", opted_out=False) is Keyword.ORDINARY


def test_blanks_around_do_not_make_it_long() -> None:
    """A keyword in any number of blanks is one; beyond the longest text looked at nothing is."""
    assert classify(" " * 100_000 + "STOP" + "\n" * 100_000, opted_out=False) is Keyword.OPT_OUT
    assert classify("STOP" + "!" * (LONGEST - 4), opted_out=False) is Keyword.OPT_OUT
    assert classify("STOP" + "!" * LONGEST, opted_out=False) is Keyword.ORDINARY


def test_words_as_they_are_compared() -> None:
    """Words lose case, accents and invisible characters, keep inner apostrophes, and are separated by anything else."""
    assert words("Ça va? DON’T-stop…\u200b ﬁne 10% Straße İ") == [
        "ca",
        "va",
        "don't",
        "stop",
        "fine",
        "10",
        "strasse",
        "i",
    ]


@given(st.text(st.characters()) | st.text(st.sampled_from("stopSTOP ' -.\u200b\u0301\ud800\ufdfa")), st.booleans())
def test_any_text_is_something(text: str, opted_out: bool) -> None:
    """Whatever is written, lone surrogates included, is classified, the same with other case and blanks around."""
    said = classify(text, opted_out)
    assert said in Keyword
    assert classify(f"  {text}\n", opted_out) is said


@given(st.sampled_from(OPT_OUTS), st.text(st.sampled_from("!?.,\"'*_ \n\u00a0\U0001f621\u200b\ufe0f")))
def test_decoration_changes_nothing(text: str, decoration: str) -> None:
    """Quotes, punctuation, blanks and emoji around a keyword leave it one."""
    assert classify(decoration + text + decoration, opted_out=False) is Keyword.OPT_OUT


@pytest.mark.parametrize("char", ["a", "'", "a'", "\ufdfa", "\u0301", "\u200b", "!", " a", "stop "])
def test_hostile_texts_are_quick(char: str) -> None:
    """The worst that fits takes a few milliseconds, and what does not fit none."""
    began = time.process_time()
    for length in (LONGEST, 1_000_000):
        classify("s" + (char * length)[: length - 2] + "s", opted_out=False)
    assert time.process_time() - began < 0.5
