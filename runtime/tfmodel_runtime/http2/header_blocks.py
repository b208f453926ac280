"""HPACK (RFC 7541): header blocks of a client as fields, and fields as blocks that leave its table alone.

Own code, where the library `hpack` would decode as well, for speed: clients repeat themselves, so that most fields are an index of
one byte, and a block that came before under the same table is not decoded again. The static table and Huffman's code are the
library's.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from tfmodel_runtime.http2.frames import ConnectionFault, ErrorCode

Field = tuple[bytes, bytes]

TABLE_BYTES = 4096
"""Size of a client's table, which no setting of ours changes."""
_STATIC: tuple[Field, ...] = tuple(HeaderTable.STATIC_TABLE)
_STATIC_SIZE = len(_STATIC)
_OVERHEAD = 32
_SHORT_BYTES = 24
_LARGEST_STATIC = 128
_MOST_KNOWN = 32
_MOST_KNOWN_BYTES = 2048
"""Larger blocks, and blocks of larger lists, are decoded each time, so that a client can make us keep little."""
_MOST_INTEGER_BYTES = 4
_NEW_NAME, _LONG_NAME = 0x40, 0x7F
"""Between them are the first bytes of fields that are added to the table, with a name of the static table or the newest entry's."""
_LONG_INDEX = 0xFF
_SHORT_INDEXES = bytes(range(0x81, 0xFF))
_ONE_FURTHER = bytes([byte + 1 if 0x80 + _STATIC_SIZE < byte < 0xFF else byte for byte in range(256)])


class Decoder:
    """Decodes the blocks of one connection in their order; a list longer than `most_list_bytes` is cut and marked."""

    def __init__(self, most_list_bytes: int) -> None:
        self._most_list_bytes = most_list_bytes
        self._entries: list[Field] = []
        """The dynamic table, newest last: entry 62 is `[-1]`."""
        self._size = 0
        self._most_size = TABLE_BYTES
        self._largest = _LARGEST_STATIC
        """No field takes more in a list than this, beside what of it stands in the block itself."""
        self._known: dict[bytes, tuple[Field, ...]] = {}
        """Blocks that were decoded with the table as it is now."""
        self._repeated: tuple[bytes, tuple[Field, ...]] | None = None
        """How a block begins that has all fields of the latest one but the last, with the table as it is now, and these fields."""

    def decode(self, block: bytes) -> tuple[Field, ...]:
        """The fields of a block; None is never among them.

        Raises:
            ConnectionFault: it is no block, so that the table is lost.
            TooLargeError: the list is larger than allowed; the table is up to date.
        """
        found = self._known.get(block)
        if found is not None:
            return found
        fields: list[Field] = []
        try:
            found = self._with_repeated(block)
            if found is not None:
                return found
            self._repeated = None
            is_changed = self._read(block, fields)
        except (IndexError, HPACKDecodingError):
            raise _broken("a header block cannot be decoded") from None
        at_most = len(fields) * self._largest + 2 * len(block)
        if at_most > self._most_list_bytes and _size(fields) > self._most_list_bytes:
            raise TooLargeError
        found = tuple(fields)
        self._remember(block, found, is_changed=is_changed)
        if not is_changed and len(block) <= _MOST_KNOWN_BYTES and _size(fields) <= _MOST_KNOWN_BYTES:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[block] = found
        return found

    def _remember(self, block: bytes, fields: tuple[Field, ...], *, is_changed: bool) -> None:
        """Keeps how all fields but the last are told, if by an index of a byte each. Clients repeat all but a deadline."""
        count = len(fields) - 1
        if not 0 < count < len(block) or block[:count].translate(None, _SHORT_INDEXES):
            return
        if _size(fields) + TABLE_BYTES <= self._most_list_bytes:
            self._keep(block[:count].translate(_ONE_FURTHER) if is_changed else block[:count], fields[:-1])

    def _keep(self, indexes: bytes, fields: tuple[Field, ...]) -> None:
        """Keeps indexes that the table still holds; an entry that is added makes those of all older ones one larger."""
        largest = max(indexes)
        is_there = largest < _LONG_INDEX and largest - 0x80 - _STATIC_SIZE <= len(self._entries)
        self._repeated = (indexes, fields) if is_there else None

    def _with_repeated(self, block: bytes) -> tuple[Field, ...] | None:
        """The fields of a block that repeats all but the last; None if it is another."""
        if self._repeated is None or not block.startswith(self._repeated[0]):
            return None
        indexes, fields = self._repeated
        place = len(indexes)
        first = block[place]
        if first & 0x80 and first != _LONG_INDEX and place + 1 == len(block):
            index = first & 0x7F
            return (*fields, self._entries[_STATIC_SIZE - index] if index > _STATIC_SIZE else _static(index))
        if not _NEW_NAME < first < _LONG_NAME:
            return None
        index = first & 0x3F
        value, end = _string(block, place + 1)
        if end != len(block) or len(value) > _SHORT_BYTES:
            return None
        field = (self._entries[-1][0] if index > _STATIC_SIZE else _STATIC[index - 1][0], value)
        self._add(field)
        self._keep(indexes.translate(_ONE_FURTHER), fields)
        return (*fields, field)

    def _read(self, block: bytes, fields: list[Field]) -> bool:
        """Adds a block's fields to the list; whether the table has changed."""
        place, end, is_changed = 0, len(block), False
        entries = self._entries
        while place < end:
            first = block[place]
            if first & 0x80:
                if first == 0xFF:
                    index, place = _integer(block, place, 0x7F)
                else:
                    index, place = first & 0x7F, place + 1
                fields.append(entries[_STATIC_SIZE - index] if index > _STATIC_SIZE else _static(index))
            elif first & 0x40:
                field, place = self._literal(block, place, 0x3F)
                fields.append(field)
                self._add(field)
                is_changed = True
            elif first & 0x20:
                if fields:
                    raise _broken("a table's size is told within a header block")
                size, place = _integer(block, place, 0x1F)
                self._resize(size)
                is_changed = True
            else:
                field, place = self._literal(block, place, 0x0F)
                fields.append(field)
        return is_changed

    def _literal(self, block: bytes, place: int, mask: int) -> tuple[Field, int]:
        index, place = _integer(block, place, mask)
        if index > _STATIC_SIZE:
            name = self._entries[_STATIC_SIZE - index][0]
        elif index:
            name = _STATIC[index - 1][0]
        else:
            name, place = _string(block, place)
        value, place = _string(block, place)
        return (name, value), place

    def _add(self, field: Field) -> None:
        self._known.clear()
        size = len(field[0]) + len(field[1]) + _OVERHEAD
        self._size += size
        self._largest = max(self._largest, size + _OVERHEAD)
        self._entries.append(field)
        self._evict()

    def _resize(self, size: int) -> None:
        if size > TABLE_BYTES:
            raise _broken("a table larger than allowed")
        self._known.clear()
        self._most_size = size
        self._evict()

    def _evict(self) -> None:
        count = 0
        while self._size > self._most_size:
            name, value = self._entries[count]
            self._size -= len(name) + len(value) + _OVERHEAD
            count += 1
        if count:
            del self._entries[:count]


class TooLargeError(Exception):
    """A header list is larger than allowed."""


def _broken(text: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, text)


def _size(fields: Sequence[Field]) -> int:
    return sum([len(name) + len(value) + _OVERHEAD for name, value in fields])


def _static(index: int) -> Field:
    if index == 0:
        raise _broken("index 0")
    return _STATIC[index - 1]


def _integer(block: bytes, place: int, mask: int) -> tuple[int, int]:
    value = block[place] & mask
    place += 1
    if value < mask:
        return value, place
    for shift in range(0, 7 * _MOST_INTEGER_BYTES, 7):
        byte = block[place]
        place += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _broken("an integer is too large")


def _string(block: bytes, place: int) -> tuple[bytes, int]:
    is_huffman = block[place] & 0x80
    size, place = _integer(block, place, 0x7F)
    end = place + size
    if end > len(block):
        raise _broken("a string is longer than its block")
    text = block[place:end]
    if not is_huffman:
        return text, end
    return _short(text) if size <= _SHORT_BYTES else decode_huffman(text), end


@lru_cache(maxsize=2048)
def _short(text: bytes) -> bytes:
    """What a short text in Huffman's code says; those that change with each request, such as deadlines, come again and again."""
    return decode_huffman(text)


def encode(fields: Iterable[Field]) -> bytes:
    """A block of the fields, as literals that no table keeps, so that it is valid at any time."""
    found = bytearray()
    for field in fields:
        if field in _STATIC:
            found.append(0x80 | (_STATIC.index(field) + 1))
        else:
            found.append(0)
            for text in field:
                found += _length(len(text))
                found += text
    return bytes(found)


def _length(size: int) -> bytes:
    """A length with a prefix of seven bits, without Huffman's code."""
    if size < 0x7F:
        return bytes([size])
    found, size = bytearray([0x7F]), size - 0x7F
    while size >= 0x80:
        found.append(0x80 | (size & 0x7F))
        size >>= 7
    found.append(size)
    return bytes(found)
