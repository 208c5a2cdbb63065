"""lib/web_push.py: what is sealed is read by the browser it is for, and by no other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from budget.tests.browser_keys import Browser, base64url, raw
from lib.web_push import MOST, MOST_TEXT, Sender, headers_of, new_private_key, point_of, sealed

pytestmark = pytest.mark.any_postgres

# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw(text), "big"), ec.SECP256R1())


def seal(text: bytes, browser: Browser) -> bytes:
    return sealed(text, base64url(browser.public), base64url(browser.auth))


def test_the_example_of_the_rfc_is_made_byte_by_byte() -> None:
    assert sealed(TEXT, P256DH, AUTH, key=private(SENDER), salt=raw(SALT)) == raw(BODY)


def test_the_browser_of_the_tests_reads_the_example_of_the_rfc() -> None:
    browser = Browser(private(RECEIVER), raw(AUTH))
    assert base64url(browser.public) == P256DH
    assert browser.read(raw(BODY)) == TEXT


@given(st.binary(max_size=MOST_TEXT))
def test_any_text_that_fits_arrives(text: bytes) -> None:
    browser = Browser()
    body = seal(text, browser)
    assert browser.read(body) == text
    assert len(body) <= MOST
    assert seal(text, browser) != body


def test_the_longest_text_fills_a_message_and_a_longer_one_is_refused() -> None:
    browser = Browser()
    assert len(seal(b"x" * MOST_TEXT, browser)) == MOST
    with pytest.raises(ValueError, match="at most"):
        seal(b"x" * (MOST_TEXT + 1), browser)


def test_nobody_else_reads_it_and_nobody_changes_it() -> None:
    browser = Browser()
    body = seal(TEXT, browser)
    for other in (Browser(), Browser(browser.key), Browser(auth=browser.auth)):
        with pytest.raises(InvalidTag):
            other.read(body)
    with pytest.raises(InvalidTag):
        browser.read(body[:-1] + bytes([body[-1] ^ 1]))


NO_KEYS = {
    "nothing": "",
    "no base64": "!" * 87,
    "too short": base64url(b"\x04" + b"1" * 63),
    "compressed": base64url(b"\x02" + raw(P256DH)[1:33]),
    "not on the curve": base64url(b"\x04" + b"1" * 64),
    "zero": base64url(b"\x04" + bytes(64)),
}


@pytest.mark.parametrize("name", NO_KEYS)
def test_a_key_that_is_no_point_of_the_curve_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ
        point_of(NO_KEYS[name])
    with pytest.raises(ValueError):  # noqa: PT011
        sealed(TEXT, NO_KEYS[name], AUTH)


def test_a_secret_has_16_bytes() -> None:
    for size in (0, 15, 17):
        with pytest.raises(ValueError, match="16"):
            sealed(TEXT, P256DH, base64url(bytes(size)))


def claims_of(header: str, public: str) -> tuple[dict[str, object], dict[str, object]]:
    """What an Authorization header says, as a push service reads it; raises where it is not signed
    by the key that it names, or that key is not the one that the browser has subscribed with."""
    scheme, _, fields = header.partition(" ")
    named = dict(one.split("=", 1) for one in fields.split(", "))
    assert (scheme, named["k"]) == ("vapid", public)
    content, _, signature = named["t"].rpartition(".")
    both = raw(signature)
    assert len(both) == 64
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw(public))
    r, s = int.from_bytes(both[:32], "big"), int.from_bytes(both[32:], "big")
    key.verify(encode_dss_signature(r, s), content.encode(), ec.ECDSA(SHA256()))
    head, body = (json.loads(raw(part)) for part in content.split("."))
    return head, body


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://push.example.com/send/abc?x=1", "https://push.example.com"),
        ("https://PUSH.example.com:443/send", "https://push.example.com"),
        ("https://push.example.com:8443/send", "https://push.example.com:8443"),
        ("https://[2606:4700::1]/send", "https://[2606:4700::1]"),
    ],
)
def test_a_sender_proves_itself_to_one_push_service_for_a_day_at_most(
    url: str, audience: str
) -> None:
    sender = Sender.of(new_private_key(), "mailto:ops@example.com")
    head, claims = claims_of(sender.authorization(url, NOW), sender.public)
    assert head == {"typ": "JWT", "alg": "ES256"}
    expires = claims.pop("exp")
    assert isinstance(expires, int)
    assert NOW < datetime.fromtimestamp(expires, UTC) <= NOW + timedelta(hours=24)
    assert claims == {"aud": audience, "sub": "mailto:ops@example.com"}


def test_another_key_does_not_prove_it() -> None:
    """The reader of these tests refuses what it should."""
    one, other = (Sender.of(new_private_key(), "mailto:ops@example.com") for _ in range(2))
    header = one.authorization("https://push.example.com/", NOW)
    with pytest.raises(InvalidSignature):
        claims_of(header.replace(one.public, other.public), other.public)


def test_the_same_private_key_is_the_same_public_key() -> None:
    """By the pair of the RFC."""
    sender = Sender.of(SENDER, "mailto:ops@example.com")
    assert raw(sender.public) == raw(BODY)[21:86]


def test_the_command_makes_a_key_that_works_and_another_each_time() -> None:
    def made() -> tuple[str, str]:
        out, err = StringIO(), StringIO()
        call_command("vapid_key", stdout=out, stderr=err)
        name, _, key = out.getvalue().strip().partition("=")
        assert name == "VAPID_PRIVATE_KEY"
        return key, err.getvalue()

    key, said = made()
    assert Sender.of(key, "").public in said
    assert made()[0] != key


def test_headers_say_how_long_and_how_urgent() -> None:
    sender = Sender.of(new_private_key(), "mailto:ops@example.com")
    found = headers_of(
        sender, "https://p.example/x", NOW, ttl=timedelta(days=1), urgent=True, topic="abcd"
    )
    assert (found["TTL"], found["Urgency"], found["Topic"]) == ("86400", "high", "abcd")
    assert found["Content-Encoding"] == "aes128gcm"
