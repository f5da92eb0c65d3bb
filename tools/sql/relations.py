"""The relations that SQL is written over: their columns, types and meaning, in one place for every engine and for the help text.

Types are those of the Databricks/Spark dialect. Judge-made traces and those of this product are not in them, nor are our own
assessments. Times are UTC.
"""

from typing import NamedTuple


class Column(NamedTuple):
    """One column of a relation."""

    name: str
    type: str
    meaning: str


class Relation(NamedTuple):
    """One relation: what a row is, and its columns."""

    name: str
    row: str
    columns: tuple[Column, ...]


def ddl(relation: Relation) -> str:
    """The columns of a relation, as Spark declares them."""
    return ", ".join(f"`{column.name}` {column.type}" for column in relation.columns)


LIGHT_SPAN = (
    "ARRAY<STRUCT<span_id: STRING, parent_span_id: STRING, name: STRING, span_type: STRING, status_code: STRING, "
    "start_time: TIMESTAMP, duration_ms: DOUBLE, model: STRING, silent_error: BOOLEAN>>"
)

TRACES = Relation(
    "traces",
    "one row a trace",
    (
        Column("trace_id", "STRING", "the trace's id"),
        Column("experiment_id", "STRING", "the experiment it is in"),
        Column("name", "STRING", "the trace's name: the root span's"),
        Column("state", "STRING", "OK, ERROR or IN_PROGRESS: the root's status, so an OK trace may hold failed spans"),
        Column("request_time", "TIMESTAMP", "when it began"),
        Column("execution_duration_ms", "BIGINT", "how long it took; NULL while in progress"),
        Column("session_id", "STRING", "the conversation it belongs to, where the agent records it"),
        Column("user_id", "STRING", "the end user, where the agent records it"),
        Column("client_request_id", "STRING", "the caller's own id"),
        Column("version", "STRING", "the agent's version: the tag or metadata that names it; NULL where none does"),
        Column("request", "STRING", "the root span's inputs, whole, as JSON"),
        Column("response", "STRING", "the root span's outputs, whole, as JSON; NULL where there are none"),
        Column("request_text", "STRING", "what the user asked last, as plain text: the last user message, question, query, ..."),
        Column(
            "response_text",
            "STRING",
            "what the agent answered, as plain text; NULL: no output, '': an empty one",
        ),
        Column("request_preview", "STRING", "MLflow's preview, cut at 1000 characters"),
        Column("response_preview", "STRING", "MLflow's preview, cut at 1000 characters"),
        Column("request_hash", "STRING", "hash of the normalised request_text: equal for the same question asked again"),
        Column("request_chars", "BIGINT", "length of request_text"),
        Column("response_chars", "BIGINT", "length of response_text"),
        Column("hedges", "BOOLEAN", "whether response_text has words of doubt; NULL where nothing is to be read in it"),
        Column("apologises", "BOOLEAN", "whether response_text apologises: sorry, apologies, regret; NULL as hedges is"),
        Column("input_tokens", "BIGINT", "tokens in, as recorded; NULL where not"),
        Column("output_tokens", "BIGINT", "tokens out"),
        Column("total_tokens", "BIGINT", "tokens in all"),
        Column("cost", "DOUBLE", "cost in USD, as recorded; NULL where not"),
        Column("span_count", "BIGINT", "how many spans it has; NULL where they can't be read, as the counts below"),
        Column("error_span_count", "BIGINT", "how many of them have status ERROR, the root left out"),
        Column("silent_error_count", "BIGINT", "how many tool spans have another status but an output that reads as an error"),
        Column("tool_call_count", "BIGINT", "how many tool spans it has"),
        Column("llm_call_count", "BIGINT", "how many spans of type LLM or CHAT_MODEL it has"),
        Column("tags", "MAP<STRING, STRING>", "its tags; tags['key']"),
        Column("trace_metadata", "MAP<STRING, STRING>", "its metadata"),
        Column("spans", LIGHT_SPAN, "its spans without payloads, in order: size(filter(spans, s -> s.status_code = 'ERROR'))"),
        Column(
            "assessments",
            "ARRAY<STRUCT<name: STRING, kind: STRING, value: STRING, source_type: STRING, rationale: STRING>>",
            "its feedback and expectations",
        ),
    ),
)

SPANS = Relation(
    "spans",
    "one row a span",
    (
        Column("trace_id", "STRING", "the trace it is in"),
        Column("span_id", "STRING", "its id"),
        Column("parent_span_id", "STRING", "its parent; NULL for the root"),
        Column("position", "BIGINT", "0, 1, 2, ... in the trace, by start"),
        Column("name", "STRING", "its name: for tools, the tool"),
        Column("span_type", "STRING", "AGENT, TOOL, CHAT_MODEL, LLM, RETRIEVER, CHAIN, ..."),
        Column("status_code", "STRING", "OK, ERROR or UNSET"),
        Column("status_message", "STRING", "what went wrong, where the status is ERROR"),
        Column(
            "silent_error",
            "BOOLEAN",
            "a TOOL, FUNCTION or RETRIEVER span whose status isn't ERROR and whose output reads as an error",
        ),
        Column(
            "error_text",
            "STRING",
            "status or exception message, or the output that reads as one, to 2,000 characters; NULL: no failure",
        ),
        Column("exception_type", "STRING", "type of the recorded exception"),
        Column("exception_message", "STRING", "message of the recorded exception"),
        Column("start_time", "TIMESTAMP", "when it began"),
        Column("end_time", "TIMESTAMP", "when it ended"),
        Column("duration_ms", "DOUBLE", "how long it took"),
        Column("model", "STRING", "the model that was called"),
        Column("provider", "STRING", "its provider"),
        Column("input_tokens", "BIGINT", "tokens in"),
        Column("output_tokens", "BIGINT", "tokens out"),
        Column("total_tokens", "BIGINT", "tokens in all"),
        Column("cost", "DOUBLE", "cost in USD"),
        Column("inputs", "STRING", "its inputs, whole, as JSON"),
        Column("inputs_hash", "STRING", "of a TOOL span: hash of inputs, equal for the same inputs, and much faster to compare"),
        Column("outputs", "STRING", "its outputs, whole, as JSON; NULL where there are none"),
        Column("output_text", "STRING", "its outputs as plain text, as response_text is made"),
        Column("attributes", "MAP<STRING, STRING>", "its other attributes, each as text; attributes['key']"),
    ),
)

ASSESSMENTS = Relation(
    "assessments",
    "one row a piece of feedback or an expectation",
    (
        Column("assessment_id", "STRING", "its id"),
        Column("trace_id", "STRING", "the trace it is about"),
        Column("span_id", "STRING", "the span it is about, where it is about one"),
        Column("name", "STRING", "what is assessed"),
        Column("kind", "STRING", "feedback or expectation"),
        Column("value", "STRING", "its value as text: true, false, 0.7, 'good', ..."),
        Column("number", "DOUBLE", "its value as a number; booleans as 1 and 0; NULL where it is neither"),
        Column("source_type", "STRING", "HUMAN, LLM_JUDGE or CODE"),
        Column("source_id", "STRING", "who or what assessed it"),
        Column("rationale", "STRING", "why"),
        Column("create_time", "TIMESTAMP", "when it was given"),
    ),
)

RELATIONS = (TRACES, SPANS, ASSESSMENTS)
