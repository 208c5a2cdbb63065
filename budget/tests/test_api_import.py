"""The way in of a file: POST /api/import, its job, its answers, its undo."""

from __future__ import annotations

import errno
import json
from typing import Any
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from api.http import uploads
from api.schemas.imports import ImportBody, ImportQuery
from budget.imports.jobs import ANSWERS, Work, claim, work_on
from budget.models import Import, ImportPart, ImportState, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import limit
from lib.transport import UPLOAD

pytestmark = pytest.mark.any_postgres

CLEAR = b"Date,Description,Amount\n2024-04-03,Shop,-12.50\n2024-04-05,Wages,900.00\n"
UNCLEAR = b"Date,Description,Amount\n03/04/2024,Shop,-12.50\n05/04/2024,Bar,-1.00\n"
PATH = "/api/import"


def work() -> None:
    while (found := claim("w")) is not None:
        with transaction.atomic():
            work_on(Work(found, "w"))


class ImportTestCase(ApiTestCase):
    def send(self, content: bytes, query: str = "", *, status: int = 202, **options: Any) -> Any:
        """Hand a file in as the whole body."""
        options.setdefault("content_type", "application/octet-stream")
        path = f"{PATH}?{query}" if query else PATH
        return self.call("POST", path, status=status, data=content, **options)

    def form(self, content: bytes, status: int = 202, **fields: Any) -> Any:
        """Hand a file in as a form does."""
        fields["file"] = SimpleUploadedFile(fields.pop("filename", "april.csv"), content)
        token = f"Bearer {self.tokens['alice']}"
        answer = self.client.post(PATH, fields, HTTP_AUTHORIZATION=token)
        self.assertEqual(answer.status_code, status, answer.content)
        self.answer = answer
        return answer.json()

    def now(self, found: dict[str, Any]) -> Any:
        """The import once workers have done all they can."""
        work()
        return self.get(f"{PATH}/{found['id']}")

    def test_a_file_becomes_a_job_and_the_job_transactions(self) -> None:
        limit(self.alice, "10.00")
        found = self.send(CLEAR, "name=april.csv")
        self.assertEqual(self.answer["Location"], f"{PATH}/{found['id']}")
        self.assertEqual(
            (found["state"], found["name"], found["size"]), ("waiting", "april.csv", len(CLEAR))
        )
        self.assertIsNone(found["report"])
        ended = self.now(found)
        self.assertEqual(
            (ended["state"], ended["rows"], ended["settled"], ended["stored"]), ("done", 2, 2, 2)
        )
        self.assertEqual(ended["report"]["opened"]["count"], 2)
        self.assertEqual(Transaction.objects.filter(user=self.alice).count(), 2)
        self.assertEqual(self.ids(PATH), [found["id"]])

    def test_a_form_names_its_file_and_may_say_more(self) -> None:
        found = self.form(UNCLEAR, dates="month-first")
        self.assertEqual((found["name"], found["options"]), ("april.csv", {"dates": "month-first"}))
        self.assertEqual(self.now(found)["report"]["date_from"], "2024-03-04")

    def test_a_dry_run_says_what_would_be_at_once(self) -> None:
        limit(self.alice, "10.00")
        found = self.send(CLEAR, "dry_run=true", status=200)
        self.assertEqual((found["state"], found["stored"]), ("tried", 0))
        report = found["report"]
        self.assertEqual((report["stored"], report["opened"]["count"]), (2, 2))
        self.assertEqual(report["sample"][0]["amount"], "12.50")
        self.assertFalse(Transaction.objects.exists())
        self.patch(f"{PATH}/{found['id']}", {})
        self.assertEqual(self.now(found)["state"], "done")
        self.assertEqual(Transaction.objects.count(), 2)
        self.call("PATCH", f"{PATH}/{found['id']}", {}, status=409)

    def test_a_large_dry_run_is_a_job(self) -> None:
        with mock.patch("budget.imports.jobs.NEXT_TO_A_REQUEST", 10):
            found = self.send(CLEAR, "dry_run=true")
        self.assertEqual(found["state"], "waiting")
        self.assertEqual(self.now(found)["state"], "tried")

    def test_what_is_unclear_is_asked_with_both_readings_and_answered_once(self) -> None:
        found = self.send(UNCLEAR, "dry_run=true&name=bank.csv", status=200)
        self.assertEqual(found["state"], "asking")
        (question,) = found["questions"]
        self.assertEqual(question["key"], "dates")
        self.assertEqual(
            [choice["reading"] for choice in question["choices"]],
            ["03/04/2024 is 3 April 2024", "03/04/2024 is 4 March 2024"],
        )
        self.patch(f"{PATH}/{found['id']}", {"dates": "day-first"})
        self.assertEqual(self.now(found)["report"]["date_from"], "2024-04-03")
        later = self.now(self.send(UNCLEAR.replace(b"2024", b"2025"), "name=bank.csv"))
        self.assertEqual(
            (later["state"], later["report"]["kept"]), ("done", {"dates": "day-first"})
        )

    def test_two_things_that_are_open_are_one_question(self) -> None:
        card = UNCLEAR.replace(b",-", b",")
        found = self.send(card, "dry_run=true&name=bank.csv", status=200)
        (question,) = found["questions"]
        values = [choice["value"] for choice in question["choices"]]
        self.assertEqual((question["key"], len(values)), ("reading", 4))
        self.patch(f"{PATH}/{found['id']}", {"reading": values[1]})
        report = self.now(found)["report"]
        self.assertEqual(
            (report["date_from"], report["types"][0]["type"]), ("2024-04-03", "expense")
        )
        later = self.now(self.send(card.replace(b"2024", b"2025"), "name=bank.csv"))
        kept = {"dates": "day-first", "signs": "spent-is-positive"}
        self.assertEqual((later["state"], later["report"]["kept"]), ("done", kept))

    def test_a_file_that_cannot_be_read_names_its_lines(self) -> None:
        bad = CLEAR.replace(b"-12.50", b"twelve")
        found = self.send(bad, "dry_run=true", status=422)
        self.assertEqual(found["errors"][0]["parameter"], "file")
        self.assertIn("Line 2: ", found["errors"][0]["detail"])
        self.assertIn("twelve", found["errors"][0]["detail"])
        job = self.now(self.send(bad))
        self.assertEqual((job["state"], job["stored"]), ("failed", 0))
        self.assertEqual(job["failure"]["errors"][0]["line"], 2)

    def test_what_is_said_beside_it_is_checked_at_once(self) -> None:
        for query, name in (
            ("dates=never", "dates"),
            ("signs=up", "signs"),
            ("mapping=name%3D3", "mapping"),
            ("mapping=" + "%5B" * 3000, "mapping"),
            ("limit=3", "limit"),
            ("name=", "name"),
            ("restore_deleted=maybe", "restore_deleted"),
        ):
            with self.subTest(query):
                found = self.send(CLEAR, query, status=400)
                self.assertEqual([each["parameter"] for each in found["errors"]], [name])
        found = self.form(CLEAR, 400, dates="never")
        self.assertEqual([each["parameter"] for each in found["errors"]], ["dates"])
        self.assertFalse(Import.objects.exists())

    def test_a_full_disk_is_said_and_nothing_kept(self) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch("api.http.uploads.TemporaryFile") as made:
            made.return_value.__enter__.return_value.write.side_effect = full
            found = self.send(CLEAR, status=503)
        self.assertIn("no room for the file now", found["detail"])
        self.assertFalse(Import.objects.exists())

    def test_what_is_no_file(self) -> None:
        self.send(b"", status=400)
        self.send(b"x", status=400, content_type="multipart/form-data")
        self.send(b"--a\r\nx", status=400, content_type="multipart/form-data; boundary=a")
        # Of a codec that Python has, but none of texts.
        head = b'--a\r\nContent-Disposition: form-data; name="dates"\r\n\r\nx\r\n--a--\r\n'
        kind = "multipart/form-data; boundary=a; charset=rot13"
        self.send(head, status=400, content_type=kind)
        token = f"Bearer {self.tokens['alice']}"
        for fields in ({}, {"other": SimpleUploadedFile("a", b"x")}):
            answer = self.client.post(PATH, fields, HTTP_AUTHORIZATION=token)
            self.assertEqual(answer.status_code, 400, answer.content)
        self.form(b"", 400)
        self.assertFalse(Import.objects.exists())

    def test_too_large_is_413_by_its_length_and_by_its_bytes(self) -> None:
        self.send(CLEAR, status=413, CONTENT_LENGTH=str(UPLOAD + 1))
        with mock.patch.object(uploads, "MOST_BYTES", 10):
            self.send(CLEAR, status=413)
            self.form(CLEAR, 413)
        self.assertFalse(Import.objects.exists())

    def test_nobody_else_can_see_answer_or_undo_it(self) -> None:
        found = self.send(CLEAR)
        for method, path, body in (
            ("GET", f"{PATH}/{found['id']}", None),
            ("PATCH", f"{PATH}/{found['id']}", {}),
            ("POST", f"{PATH}/{found['id']}/undo", None),
        ):
            self.call(method, path, body, who="charlie", status=404)
        self.assertEqual(self.ids(PATH, who="charlie"), [])
        self.send(CLEAR, status=401, HTTP_AUTHORIZATION="Bearer nothing")

    def test_the_same_key_hands_a_file_in_once(self) -> None:
        first = self.send(CLEAR, "name=a", HTTP_IDEMPOTENCY_KEY="k")
        again = self.send(CLEAR, "name=a", HTTP_IDEMPOTENCY_KEY="k")
        self.assertEqual((again, self.answer["Idempotent-Replayed"]), (first, "true"))
        self.assertEqual(Import.objects.count(), 1)
        self.send(UNCLEAR, "name=a", HTTP_IDEMPOTENCY_KEY="k", status=422)
        self.send(CLEAR, "name=b", HTTP_IDEMPOTENCY_KEY="k", status=422)
        self.send(CLEAR, "dry_run=true", HTTP_IDEMPOTENCY_KEY="k2", status=400)

    def test_an_import_is_undone_with_its_alerts(self) -> None:
        limit(self.alice, "10.00")
        found = self.now(self.send(CLEAR))
        undone = self.call("POST", f"{PATH}/{found['id']}/undo")
        self.assertEqual((undone["state"], len(undone["alerts"]["resolved"])), ("undone", 2))
        self.assertFalse(Transaction.objects.exists())
        self.call("POST", f"{PATH}/{found['id']}/undo", status=409)
        self.assertEqual(self.now(self.send(CLEAR))["stored"], 2)

    def test_a_changed_row_forbids_it_and_is_named(self) -> None:
        found = self.now(self.send(CLEAR))
        row = Transaction.objects.get(description="Shop")
        self.patch(f"/api/transaction/{row.pk}", {"amount": "13.00"})
        answer = self.call("POST", f"{PATH}/{found['id']}/undo", status=409)
        self.assertIn(f"Transaction {row.pk} (", answer["detail"])
        self.assertEqual(Transaction.objects.count(), 2)

    def test_a_large_one_is_undone_by_a_worker(self) -> None:
        found = self.now(self.send(CLEAR))
        with mock.patch("api.views.imports.MOST_UNDONE_AT_ONCE", 1):
            self.assertEqual(self.call("POST", f"{PATH}/{found['id']}/undo")["state"], "undoing")
            self.call("POST", f"{PATH}/{found['id']}/undo", status=409)
        self.assertEqual(self.now(found)["state"], "undone")
        self.assertFalse(Transaction.objects.exists())

    def test_a_list_is_paged(self) -> None:
        ids = [self.send(CLEAR)["id"] for _ in range(3)]
        found, _ = self.walk_ids(f"{PATH}?limit=2", "next")
        self.assertEqual(found, ids[::-1])

    def test_a_file_is_kept_in_pieces(self) -> None:
        content = CLEAR + b"2024-04-06,Shop,-1.00\n" * 30_000
        found = self.send(content)
        parts = ImportPart.objects.filter(imported_id=found["id"]).order_by("number")
        self.assertEqual(b"".join(bytes(part.content) for part in parts), content)
        self.assertLessEqual(max(len(part.content) for part in parts), 256 * 1024)

    def test_a_token_that_reads_cannot_hand_in(self) -> None:
        self.alice.api_tokens.update(scope="read")
        self.send(CLEAR, status=403)
        self.assertFalse(Import.objects.exists())

    def test_a_service_names_the_user(self) -> None:
        self.alice.api_tokens.update(scope="service")
        found = self.send(CLEAR, f"user={self.charlie.pk}")
        self.assertEqual(found["user"], self.charlie.pk)
        self.assertEqual(Import.objects.get().user, self.charlie)

    def test_the_states_of_the_model_are_those_of_the_api(self) -> None:
        found = json.loads(self.client.get("/api/openapi.json").content)
        states = found["components"]["schemas"]["Import"]["properties"]["state"]["enum"]
        self.assertEqual(states, list(ImportState.values))

    def test_every_question_has_a_parameter_and_a_field(self) -> None:
        for key in ANSWERS:
            self.assertIn(key, ImportQuery.model_fields)
            self.assertIn(key, ImportBody.model_fields)
