"""The supervisor, in a process of its own, since it forks and takes the signals of whoever runs it."""

import subprocess
import sys
import textwrap

HEAD = """
import os, signal, sys, time
from tfmodel_runtime.processes import supervisor
from tfmodel_runtime.processes.board import Area, Board
from tfmodel_runtime.processes.supervisor import Supervisor
from tfmodel_runtime.processes.told import Told

board = Board(2)

def told(text):
    os.write(1, (text + "\\n").encode())

def until_stopped():
    signal.sigwait((signal.SIGTERM,))
    os._exit(0)

def stop_all():
    os.kill(os.getppid(), signal.SIGTERM)
"""


def run(work: str) -> tuple[int, list[str], str]:
    """Supervises two processes that do this `work(slot, is_first)`; exit code, lines that they told, log."""
    code = f"{HEAD}\n{textwrap.dedent(work)}\nsys.exit(Supervisor(board, work).run())"
    command = [sys.executable, "-X", "faulthandler", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, sorted(done.stdout.splitlines()), done.stderr


def test_each_gets_a_slot_and_the_word_to_stop() -> None:
    code, told, _ = run(
        """
        def work(slot, is_first):
            told(f"{slot} {is_first}")
            board.beat(slot, time.monotonic())
            if slot == 1:
                while not board.beaten(0):
                    time.sleep(0.01)
                stop_all()
            until_stopped()
        """
    )
    assert (code, told) == (0, ["0 True", "1 True"])


def test_a_first_start_that_fails_ends_all_with_its_code() -> None:
    code, told, _ = run(
        """
        def work(slot, is_first):
            if slot == 1:
                return 7
            until_stopped()
        """
    )
    assert (code, told) == (7, [])


def test_one_that_raises_is_told_of_and_ends_all() -> None:
    code, _, log = run(
        """
        def work(slot, is_first):
            raise ValueError("unforeseen")
        """
    )
    assert code == 1
    assert "process 1 ended unforeseen" in log


def test_one_that_is_killed_has_a_successor() -> None:
    code, told, log = run(
        """
        supervisor._FIRST_WAIT_SECONDS = 0.01

        def work(slot, is_first):
            told(f"{slot} {is_first}")
            if slot == 1 and is_first:
                os.kill(os.getpid(), signal.SIGKILL)
            if slot == 1:
                told(f"ended {not Told.from_text(board.read(1, Area.STATE)).counts}")
                text = board.read(board.supervisor, Area.METRICS).decode()
                told(text.splitlines()[-1])
                stop_all()
            until_stopped()
        """
    )
    assert code == 0
    assert told == ["0 True", "1 False", "1 True", "ended True", "tfmodel_runtime_process_restarts_total 1.0"]
    assert "process 2 ended by SIGKILL; another takes its place in 0.0 s" in log


def test_one_that_was_open_and_fails_has_a_successor_too() -> None:
    code, told, log = run(
        """
        def work(slot, is_first):
            told(f"{slot} {is_first}")
            if slot == 1 and is_first:
                board.write(1, Area.STATE, Told(is_open=True, counts=True).to_text())
                return 3
            if slot == 1:
                stop_all()
            until_stopped()
        """
    )
    assert (code, told) == (0, ["0 True", "1 False", "1 True"])
    assert "process 2 ended with code 3" in log


def test_one_that_keeps_ending_waits_longer_each_time() -> None:
    _, _, log = run(
        """
        supervisor._FIRST_WAIT_SECONDS, supervisor._MOST_WAIT_SECONDS = 0.1, 0.3

        def work(slot, is_first):
            if slot == 1:
                if "restarts_total 4.0" in board.read(board.supervisor, Area.METRICS).decode():
                    stop_all()
                    until_stopped()
                os.kill(os.getpid(), signal.SIGKILL)
            until_stopped()
        """
    )
    waits = [line.rpartition(" in ")[2] for line in log.splitlines() if "takes its place" in line]
    assert waits == ["0.1 s", "0.2 s", "0.3 s", "0.3 s"]


def test_one_that_does_not_move_is_ended() -> None:
    code, told, log = run(
        """
        supervisor._STUCK_SECONDS, supervisor._LOOK_SECONDS = 0.3, 0.05

        def work(slot, is_first):
            if slot == 1 and is_first:
                board.beat(slot, time.monotonic())
                time.sleep(60)
            if slot == 1:
                told("a successor")
                stop_all()
            until_stopped()
        """
    )
    assert (code, told) == (0, ["a successor"])
    assert "process 2 has not moved for" in log
