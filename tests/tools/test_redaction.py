"""Secrets and personal data are masked by their form; everything else stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyze_experiment.tools.redaction import redact


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail Jo.Doe+x@mail.example.org now", "mail [email] now"),
        ("Authorization: Bearer abcdef1234567890ABC", "Authorization: Bearer [token]"),
        ("key sk-proj-abcdefghijklmnop1234", "key [key]"),
        ("AKIAABCDEFGHIJKLMNOP", "[key]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig-nature", "[token]"),
        ("mysql://root:hunter2@db/x", "mysql://root:[password]@db/x"),
        ("password=hunter2 and more", "password=[masked] and more"),
        ('{"first_name": "Yusuf", "item": "lamp"}', '{"first_name": "[masked]", "item": "lamp"}'),
        (r"{\"zip\": \"78705\", \"n\": 2}", r"{\"zip\": \"[masked]\", \"n\": 2}"),
        ("card 4111 1111 1111 1111.", "card [card number]."),
        ("call +49 30 901820 or (415) 555-2671", "call [phone] or [phone]"),
        ("ssn 078-05-1120", "ssn [social security number]"),
        ("from 10.20.30.40", "from [ip address]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [iban]"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nrest", "[private key]\nrest"),
    ],
)
def test_what_looks_like_a_secret_or_like_personal_data_is_masked(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "trace tr-0123456789abcdef0123456789abcdef span 0a1b2c3d4e5f6789",
        "order #W4817420, 3 items at 129.99, total 389.97",
        "2026-11-26 01:02:03.456 took 1500 ms, version 1.2.3",
        "number 4111 1111 1111 1112 is no card",
        "user_id yusuf_rossi_9620",
        '{"name": "exchange_items", "arguments": {"item_ids": ["1151293680", "4983901480"]}}',
    ],
)
def test_ids_amounts_and_times_stay(text: str) -> None:
    assert redact(text) == text


@given(st.text(alphabet='aA1@.:/ -+="\\{}_' + "sk", max_size=60))
def test_masking_twice_masks_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
