"""Where each span stands in its trace, worked out of rows that are in order of their traces and, in each, of their ids."""

from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .columns import list_column, whole_numbers

Numbers = npt.NDArray[np.integer]


class Places(NamedTuple):
    """The rows of the spans by trace and position, and how many each trace has."""

    order: Numbers
    """The rows' numbers, each trace's in order of position."""
    trace_ids: list[str]
    """The traces that have spans, in their order."""
    counts: Numbers
    """How many each of them has."""
    roots: Numbers
    """The row of each one's root: the earliest without a parent; where that is missing, the earliest."""

    @classmethod
    def of(cls, spans: pa.Table) -> Self:
        """The places of these spans: by start; at the same time without a parent, ended later, ended at all."""
        traces = spans.column("trace_id").combine_chunks().dictionary_encode()
        groups, children = whole_numbers(traces.indices), ~_missing(spans, "parent_span_id")
        starts, ends = _when(spans, "start_ns"), _when(spans, "end_ns")
        latest_first = (-ends[1], ends[0])
        order = np.lexsort((*latest_first, children, *starts[::-1], groups))
        counts = np.bincount(groups, minlength=len(traces.dictionary))
        by_root = np.lexsort((*latest_first, *starts[::-1], children, groups))
        return cls(order, traces.dictionary.to_pylist(), counts, by_root[np.cumsum(counts) - counts])

    def marked(self, spans: pa.Table) -> pa.Table:
        """The spans with `position`, from 0 in each trace, and `is_root`."""
        positions, roots = np.empty(len(self.order), np.int64), np.zeros(len(self.order), np.bool_)
        firsts = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        positions[self.order] = np.arange(len(self.order)) - firsts
        roots[self.roots] = True
        marks = {"position": (pa.int64(), positions), "is_root": (pa.bool_(), np.packbits(roots, bitorder="little"))}
        for name, (kind, values) in marks.items():
            spans = spans.append_column(name, pa.Array.from_buffers(kind, len(self.order), [None, pa.py_buffer(values)]))
        return spans

    def lists(self, spans: pa.Table, trace_ids: list[str]) -> pa.ListArray:
        """For each of the traces, in the same order as here, the list of its spans by position."""
        held = dict(zip(self.trace_ids, self.counts.tolist(), strict=True))
        rows = pa.Array.from_buffers(pa.int64(), len(self.order), [None, pa.py_buffer(self.order)])
        return list_column(spans.take(rows), [held.get(trace_id, 0) for trace_id in trace_ids])


def _missing(spans: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    """Where a column has no value."""
    column = spans.column(name).combine_chunks()
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    present = np.frombuffer(column.buffers()[0], np.uint8)
    return np.unpackbits(present, bitorder="little")[column.offset : column.offset + len(column)] == 0


def _when(spans: pa.Table, name: str) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """The keys by which times are sorted: what has none comes last."""
    missing = _missing(spans, name)
    return missing, np.where(missing, 0, whole_numbers(spans.column(name).combine_chunks()))
