"""Which headers show a token, and which files hold tokens."""

from pathlib import Path

import pytest

from tfmodel_runtime.errors import InvalidInputError
from tfmodel_runtime.security.tokens import Tokens, read


@pytest.mark.parametrize("header", [b"Bearer one", b"bearer two", b" BEARER   one "])
def test_a_token_is_shown(header: bytes) -> None:
    assert Tokens([b"one", b"two"]).admits(header)


@pytest.mark.parametrize("header", [b"", b"Bearer", b"Bearer ", b"one", b"Basic one", b"Bearer On", b"Bearer one two"])
def test_no_token_is_shown(header: bytes) -> None:
    assert not Tokens([b"one", b"two"]).admits(header)


def test_tokens_that_are_replaced_count_no_more() -> None:
    tokens = Tokens([b"one"])
    tokens.use([b"two"])
    assert (tokens.admits(b"Bearer one"), tokens.admits(b"Bearer two")) == (False, True)
    assert "two" not in str(vars(tokens))


def test_a_file_holds_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_bytes(b"\n one \r\n\xff\xfe\ntwo")
    assert read(tmp_path / "tokens") == {b"one", b"\xff\xfe", b"two"}


@pytest.mark.parametrize(("content", "told"), [(b"", "no token"), (b" \n\n", "no token"), (b"a b", "with a space")])
def test_a_file_without_tokens_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "tokens").write_bytes(content)
    with pytest.raises(InvalidInputError, match=told):
        read(tmp_path / "tokens")
