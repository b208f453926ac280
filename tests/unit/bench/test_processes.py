"""Memory of a server's processes, out of what the kernel tells of each."""

from comparison.processes import Mapping, own_bytes, read_mappings

SMAPS = """7f0000000000-7f0000100000 r-xp 00001000 fe:00 4711                       /lib/libtensorflow.so
Size:               1024 kB
Rss:                 800 kB
Pss:                 100 kB
Pss_Dirty:            20 kB
Anonymous:            40 kB
7f0000200000-7f0000300000 rw-p 00000000 00:00 0
Size:               1024 kB
Rss:                 500 kB
Pss:                 250 kB
Anonymous:           500 kB
VmFlags: rd wr mr mw me ac sd
"""
KIB = 1024


def test_mappings_are_read_with_what_is_behind_them() -> None:
    assert list(read_mappings(SMAPS)) == [
        Mapping(("fe:00", "4711", "00001000"), 800 * KIB, 100 * KIB, 40 * KIB, 20 * KIB),
        Mapping(None, 500 * KIB, 250 * KIB, 500 * KIB, 500 * KIB),
    ]


def test_a_file_counts_once_for_all_processes_whoever_else_has_it_open() -> None:
    of_one = list(read_mappings(SMAPS))
    assert own_bytes(of_one) == (760 + 20 + 250) * KIB
    assert own_bytes(of_one * 2) == (760 + 2 * 20 + 2 * 250) * KIB


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert own_bytes(read_mappings("")) == 0
