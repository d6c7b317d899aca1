"""The limited process: however a foreign template behaves, its caller gets an answer and lives."""

import errno
import socket
from typing import Any

import pytest

from sekvens.errors import TemplateError, TooSlow
from sekvens.limited.job import MEBIBYTE, Limits
from sekvens.limited.warm import WarmProcess
from sekvens.messages.compose import compose
from sekvens.messages.foreign import compose_foreign
from tests.unit.composing import facts, sample_shop, template

#: The waiting is for a busy machine; what burns CPU is ended by the CPU that it burns.
QUICK = Limits(cpu_seconds=1, wall_seconds=60)
#: One for all tests here: that none leaves anything behind is a test of its own.
WARM = WarmProcess("tests.unit.burning:warm_up")


def asked(function: str, argument: object = None, *, limits: Limits = QUICK) -> Any:
    return WARM.call(
        f"tests.unit.burning:{function}", argument, named="welcome/hello", limits=limits
    )


def test_an_e_mail_is_the_same_as_when_it_is_written_here():
    body = "Hej {{ first_name }}.\n\n{{ products(cart.lines) }}{{ code(offer) }}{{ signature() }}"

    made = compose_foreign(template(body), facts(), shop=sample_shop())
    assert made == compose(template(body), facts(), shop=sample_shop())


def test_what_is_wrong_with_a_source_is_told_as_it_is_here():
    with pytest.raises(TemplateError, match=r"a-step\.sv\.md, line 5.*attribute '__class__'"):
        compose_foreign(template("{{ shop.__class__ }}"), facts(), shop=sample_shop())


def test_a_fact_that_is_missing_is_told_with_its_line_as_it_is_here():
    with pytest.raises(TemplateError, match=r"a-step\.sv\.md, line 5: 'nosuch' is undefined"):
        compose_foreign(template("{{ nosuch }}"), facts(), shop=sample_shop())


@pytest.mark.parametrize("deed", ["burn", "hoard", "flood", "crash", "lie"])
def test_whatever_it_does_to_the_machine_is_ended_and_told_in_a_sentence(deed):
    with pytest.raises(TemplateError, match=r"^welcome/hello took more .*make it simpler$"):
        asked(deed)


def test_a_process_that_waits_for_ever_is_not_waited_for():
    with pytest.raises(TemplateError, match=r"^welcome/hello was not written within 1 s"):
        asked("sleep", limits=Limits(wall_seconds=1))


def test_whoever_is_ended_by_its_own_alarm_was_too_slow_and_not_too_costly():
    with pytest.raises(TooSlow, match=r"^welcome/hello was not written within 60 s"):
        asked("be_late")


@pytest.mark.parametrize(
    "source", ["{{ 'a' * 10**9 }}", "{{ '{:>1000000000}'.format(1) }}", "{{ 7**4000000 }}"]
)
def test_a_bomb_that_no_list_has_refused_is_ended_too(source):
    with pytest.raises(TemplateError, match="make it simpler"):
        asked("render_unchecked", source)


def test_its_limits_are_those_that_were_asked_for_and_it_cannot_raise_them():
    limits = Limits(memory_bytes=300 * MEBIBYTE, cpu_seconds=3, result_bytes=MEBIBYTE)

    assert asked("tell_limits", limits=limits) == {
        "AS": [300 * MEBIBYTE] * 2,
        "CPU": [4, 4],  # what it takes to be prepared counts as a second
        "FSIZE": [MEBIBYTE] * 2,
        "CORE": [0, 0],
        "NPROC": [0, 0],
        "NOFILE": [0, 0],
    }


def test_it_opens_neither_a_connection_nor_a_file_nor_a_pipe():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connected = asked("connect", listener.getsockname()[1])

    assert connected == f"OSError{errno.EMFILE}"
    assert asked("read", "/etc/passwd") == f"refused {errno.EMFILE}"
    assert asked("pipe") == f"refused {errno.EMFILE}"


def test_a_fault_of_the_template_keeps_its_own_sentence():
    with pytest.raises(TemplateError, match=r"^welcome/hello: a sentence$"):
        asked("refuse")
