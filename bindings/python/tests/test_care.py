"""Backup, restore, verify, audit, repair."""

from datetime import timedelta
from pathlib import Path

import pytest
from conftest import message

import convofold
from convofold import Convofold

T0 = 1_700_000_000_000


def test_a_backup_and_what_came_since_are_restored(filled: Convofold, tmp_path: Path) -> None:
    complete = filled.backup(tmp_path / "monday")
    assert (complete.incremental, complete.last_seq, complete.state_hash) == (False, 1000, filled.state_hash())
    filled.submit([message("c", T0)])
    since = filled.backup(tmp_path / "tuesday", since=tmp_path / "monday")
    assert (since.incremental, since.first_seq, since.last_seq) == (True, 1001, 1001)
    restored = convofold.restore([tmp_path / "monday", tmp_path / "tuesday"], tmp_path / "restored")
    assert restored.state_hash == filled.state_hash()
    with Convofold(tmp_path / "restored", create=False) as db:
        assert db.state_hash() == filled.state_hash()
    with pytest.raises(convofold.BackupError, match="already"):
        filled.backup(tmp_path / "monday")
    with pytest.raises(convofold.RestoreError, match="has to come first"):
        convofold.restore([tmp_path / "tuesday"], tmp_path / "other")
    with pytest.raises(convofold.OpenError, match="not empty"):
        convofold.restore([tmp_path / "monday"], tmp_path / "restored")


def test_a_good_store_is_found_to_be_good(filled: Convofold) -> None:
    verified = filled.verify()
    assert verified.ok and verified.log_is_whole and verified.state_hash == filled.state_hash()
    audited = filled.audit()
    assert audited.ok and (audited.conversations, audited.events) == (filled.stats().conversations, 1000)
    assert filled.audit(5, seed=1).conversations == 5


def test_a_repair_saves_what_is_there(filled: Convofold, tmp_path: Path) -> None:
    expected, path = filled.state_hash(), filled.path
    filled.close()
    report = convofold.repair(path, tmp_path / "saved")
    assert (report.events, report.lost, report.state_hash) == (1000, [], expected)
    assert (report.lost_erasures, report.lost_holds, report.lost_retention_runs) == ([], [], [])


def test_a_checkpoint_says_what_it_wrote(filled: Convofold) -> None:
    checkpoint = filled.checkpoint()
    assert checkpoint.seq == 1000 == filled.stats().checkpoint_seq and checkpoint.pages_written > 0


def test_a_compaction_changes_the_storage_only(filled: Convofold) -> None:
    before, hash_before = filled.stats().disk_bytes, filled.state_hash()
    compacted = filled.compact()
    assert compacted.before_bytes >= before and compacted.after_bytes > 0
    assert (filled.state_hash(), filled.verify().ok) == (hash_before, True)


def test_a_member_is_told_what_is_stored(filled: Convofold, tmp_path: Path) -> None:
    filled.submit([message("m-7_1", T0, member_business_id="m-7", text="my address is Storgata 1")])
    disclosed = filled.disclose(tmp_path / "m-7.ndjson", members=["m-7"])
    assert (disclosed.conversations, disclosed.events) == (1, 1)
    assert "Storgata 1" in (tmp_path / "m-7.ndjson").read_text()
    both = filled.disclose(tmp_path / "m-7.ndjson", members=["m-7"], conversations=["m-7_1"])
    assert (both.conversations, both.events) == (1, 1)
    for wrong in [{}, {"members": ["superoffice:7"]}, {"numbers": [""]}]:
        with pytest.raises(ValueError):
            filled.disclose(tmp_path / "nobody.ndjson", **wrong)
    assert not (tmp_path / "nobody.ndjson").exists()


def closed(conversation: str, member: str) -> list[dict[str, object]]:
    close = {"source": "desk", "conversation": conversation, "kind": "close", "occurred": T0 + 1}
    return [message(conversation, T0, member_business_id=member), {**close, "member_business_id": member}]


def test_a_member_is_erased_and_reports_stay(filled: Convofold) -> None:
    filled.submit(closed("m-700100_1", "m-700100"))
    assert [found.conversation for found in filled.erasable(members=["m-700100"])] == ["m-700100_1"]
    open_before = filled.stats().open
    erased = filled.erase(members=["m-700100"], rule="a request")
    assert erased is not None and (erased.receipt.conversations, erased.receipt.events) == (1, 2)
    assert erased.damaged_values == 0
    assert filled.state("m-700100_1") is None and filled.stats().open == open_before
    assert [(receipt.number, receipt.rule) for receipt in filled.erasures()] == [(1, "a request")]
    assert filled.erasures()[0].hash_after == filled.state_hash()
    assert filled.submit(closed("m-700100_1", "m-700100")).counts.erased == 2
    assert filled.erase(members=["m-700100"]) is None
    filled.submit([message("m-700200_1", T0, member_business_id="m-700200")])
    with pytest.raises(convofold.EraseError, match="open"):
        filled.erase(members=["m-700200"])
    assert filled.erase(members=["m-700200"], open_too=True) is not None


def test_a_hold_keeps_a_member_until_it_is_lifted(filled: Convofold) -> None:
    filled.submit(closed("m-700100_1", "m-700100"))
    number = filled.hold("case 7", member="m-700100")
    hold = filled.holds()[0]
    assert (hold.number, hold.reason, hold.subject) == (number, "case 7", "member m-700100")
    assert filled.erasable(members=["m-700100"])[0].held
    with pytest.raises(convofold.EraseError, match="hold"):
        filled.erase(members=["m-700100"])
    filled.lift_hold(number)
    with pytest.raises(convofold.HoldError):
        filled.lift_hold(number)
    assert filled.erase(members=["m-700100"]) is not None
    for wrong in [{}, {"member": "m-1", "number": "2"}]:
        with pytest.raises(ValueError):
            filled.hold("case 8", **wrong)


def test_old_texts_are_removed_and_counts_stay(filled: Convofold) -> None:
    filled.submit([message("late", T0 + 10_000_000, text="my address is Storgata 1")])
    before = filled.state("late")
    day = timedelta(days=1)
    would = filled.retain(texts=day, now=T0 + 200_000_000, dry_run=True)
    assert would.run.horizons[0].texts > 0 and filled.retention_runs() == []
    done = filled.retain(texts=day, now=T0 + 200_000_000)
    assert done.run.horizons[0].texts == would.run.horizons[0].texts
    after = filled.state("late")
    assert before is not None and after is not None
    assert (after.messages_in, after.last_message) == (before.messages_in, None)
    assert [run.number for run in filled.retention_runs()] == [1]
    with pytest.raises(ValueError):
        filled.retain(closed=timedelta(days=1))
