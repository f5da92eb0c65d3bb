"""Masks secrets and personal data in a text, as far as their form gives them away.

Names of people and addresses in running text have no form; they are masked only as the values of keys that say what they are.
What is masked says what it was, so that a reader still understands: `[email]`. Ids of traces and spans stay as they are.
"""

import re
from collections.abc import Callable

Replacement = str | Callable[[re.Match[str]], str]

_KEYS = (
    "first_?name last_?name full_?name given_?name family_?name surname maiden_?name email e_?mail phone mobile tel fax ssn "
    "tax_?id passport(?:_?(?:no|number))? iban bic dob date_?of_?birth birth_?date address[12]? street zip zip_?code "
    "postal_?code card_?number cvv account_?number user_?name password passwd pwd secret token api_?key access_?key "
    "client_?secret authorization"
)


def _card(match: re.Match[str]) -> str:
    digits = [int(each) for each in match[0] if each.isdigit()]
    doubled = sum(sum(divmod(2 * each, 10)) for each in digits[-2::-2])
    return "[card number]" if (sum(digits[-1::-2]) + doubled) % 10 == 0 else match[0]


_RULES: tuple[tuple[re.Pattern[str], Replacement], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), "[private key]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{12,}"), r"\1 [token]"),
    (re.compile(r"\b(?:sk|pk|rk)[-_][\w-]{16,}|\bgh[opsur]_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bdapi[0-9a-f]{32}\b"), "[key]"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}\b|\bglpat-[\w-]{20,}"), "[key]"),
    (re.compile(r"(://[^:@/?\s]*):[^@/\s]+@"), r"\1:[password]@"),
    (re.compile(rf"""(?i)(\\?"(?:{"|".join(_KEYS.split())})\\?"\s*:\s*\\?")(?!\[)[^"\\]+"""), r"\1[masked]"),
    (re.compile(r"(?i)\b((?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key)\s*[=:]\s*)(?![\[\"\\])\S+"), r"\1[masked]"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}"), "[email]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b(?<=\d|[A-Z])"), "[iban]"),
    (re.compile(r"(?<![\w-])(?:\d[ -]?){12,18}\d(?![\w-])"), _card),
    (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), "[social security number]"),
    (re.compile(r"(?<![\w.-])\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}(?![\w-])"), "[phone]"),
    (re.compile(r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), "[phone]"),
    (re.compile(r"(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.-])"), "[ip address]"),
)


def redact(text: str) -> str:
    """The text with what looks like a secret or like personal data masked; masking twice changes nothing more."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
