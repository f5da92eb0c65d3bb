"""What a reader is shown of the traces of an experiment: their characters, and how many are shortened to a number of tokens.

The commonest system prompt is known to the reader, as it is to a judge. Nothing is sent anywhere.
"""

from collections import Counter

import mlflow

from analyze_experiment.evals.command_line import command_line
from analyze_experiment.tools.reading.digest import digest, is_shortened
from analyze_experiment.tools.reading.instructions import instruction_in
from analyze_experiment.tools.traces.texts import parsed
from analyze_experiment.tools.traces.views import MODEL_TYPES, TraceView, whole_view

UNLIMITED = 10_000_000


def main() -> None:
    """Prints a row of the table."""
    parser = command_line("bench.shown", __doc__, takes="ten seconds for 100 traces")
    parser.add_argument("uri", metavar="URI", help="where MLflow keeps the traces")
    parser.add_argument("experiment", metavar="EXPERIMENT", help="its name")
    parser.add_argument("--traces", type=int, default=60, help="the latest so many (60)")
    parser.add_argument("--tokens", type=int, nargs="+", default=[3_500, 6_000], help="limits (3500 6000)")
    options = parser.parse_args()
    traces = _traces(options.uri, options.experiment, options.traces)
    known = _known(traces)
    whole = [digest(trace, tokens=UNLIMITED, known=known) for trace in traces]
    payload = [len(span.inputs or "") + len(span.outputs or "") for trace in traces for span in trace.spans]
    cells = [f"`{options.experiment}`", f"{sum(payload) // len(traces):,}", _mean(whole), f"{max(map(len, whole)):,}"]
    for tokens in options.tokens:
        cut = [digest(trace, tokens=tokens, known=known) for trace in traces]
        cells += [_mean(cut), f"{sum(map(is_shortened, cut))} of {len(cut)}"]
    limits = "".join(f" within {tokens:,} tokens | shortened |" for tokens in options.tokens)
    print(f"| experiment | payload of the spans | digest, whole | longest |{limits}")
    print(f"{'|---' * len(cells)}|\n| {' | '.join(cells)} |")


def _traces(uri: str, experiment: str, most: int) -> list[TraceView]:
    mlflow.set_tracking_uri(uri)
    found = mlflow.get_experiment_by_name(experiment)
    if found is None:
        raise SystemExit(f"There is no experiment {experiment!r} in {uri}.")
    traces = mlflow.search_traces(locations=[found.experiment_id], max_results=most, return_type="list")
    return [view for trace in traces if not isinstance(trace, str) and (view := whole_view(trace)) is not None]


def _known(traces: list[TraceView]) -> dict[str, str]:
    """The commonest system prompt."""
    spans = [span for trace in traces for span in trace.spans if span.span_type in MODEL_TYPES and span.inputs]
    counted = Counter(filter(None, (instruction_in(parsed(span.inputs or "")) for span in spans)))
    return {text: "the rules above" for text, _ in counted.most_common(1)}


def _mean(texts: list[str]) -> str:
    return f"{sum(map(len, texts)) // len(texts):,}"


if __name__ == "__main__":
    main()
