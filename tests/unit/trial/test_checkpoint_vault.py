"""Checkpoints under a URL: what is put there comes back whole, or is refused."""

import errno
import hashlib
from pathlib import Path

import pytest
from trials.store_server import SECRET, s3_server

from orchestrator.trial import vault as vaults
from orchestrator.trial.protocol import CheckpointRef
from orchestrator.trial.vault import Vault, check_vault, reachable, told, vault_of
from reid_core.errors import CheckpointError, InvalidInput, ServerUnreachable


@pytest.fixture(params=["file", "memory", "s3"])
def url(request, tmp_path, monkeypatch):
    if request.param == "file":
        yield f"file://{tmp_path}/vault"
    elif request.param == "memory":
        yield f"memory://{tmp_path.name}"
    else:
        with s3_server(monkeypatch):
            yield "s3://lab/runs"


def local(folder: Path, content: bytes = b"weights", epoch: int = 3) -> CheckpointRef:
    folder.mkdir(exist_ok=True)
    path = folder / f"epoch-{epoch:04d}.pt"
    path.write_bytes(content)
    return CheckpointRef(str(path), epoch, hashlib.sha256(content).hexdigest())


@pytest.mark.slow
def test_what_was_put_is_listed_fetched_and_removed(url, tmp_path):
    reachable(url)
    vault = Vault(vault_of(url, "study", 7))
    kept = vault.put(local(tmp_path / "here"))
    assert kept == vault.put(local(tmp_path / "here"))  # once is enough
    assert kept.path.startswith(f"{url}/study/0007/epoch-0003-")
    assert [(one.url, one.bytes) for one in Vault(f"{url}/study").files()] == [(kept.path, 7)]
    path = vault.fetch(kept, tmp_path / "there")
    assert path == tmp_path / "there" / "epoch-0003.pt"
    assert path.read_bytes() == b"weights"
    vault.remove(kept.path)
    vault.remove(kept.path)
    assert vault.files() == []
    with pytest.raises((FileNotFoundError, OSError)):
        vault.fetch(kept, tmp_path / "elsewhere")


@pytest.mark.slow
def test_another_content_of_the_same_epoch_has_another_name(url, tmp_path):
    vault = Vault(f"{url}/again")
    first = vault.put(local(tmp_path / "a", b"one"))
    second = vault.put(local(tmp_path / "b", b"two"))
    assert vault.fetch(first, tmp_path / "c").read_bytes() == b"one"
    assert vault.fetch(second, tmp_path / "d").read_bytes() == b"two"


@pytest.mark.slow
def test_a_file_that_changed_under_the_url_is_not_taken(url, tmp_path):
    vault = Vault(f"{url}/torn")
    kept = vault.put(local(tmp_path / "here"))
    vault._files.pipe_file(f"{vault._root}/{kept.path.rpartition('/')[2]}", b"weig")
    with pytest.raises(CheckpointError, match="torn or was changed"):
        vault.fetch(kept, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []
    assert vault.put(local(tmp_path / "here")) == kept  # and is written anew
    assert vault.fetch(kept, tmp_path / "there").read_bytes() == b"weights"


def test_a_local_file_that_changed_is_not_put(tmp_path):
    ref = local(tmp_path / "here")
    Path(ref.path).write_bytes(b"wei")
    with pytest.raises(CheckpointError, match="torn or was changed"):
        Vault(f"file://{tmp_path}/vault").put(ref)
    assert not (tmp_path / "vault").exists()


def test_a_plain_folder_is_a_file_url(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_vault("kept/here/") == f"file://{tmp_path}/kept/here"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://key:secret@host/bucket", "credentials"),
        ("nowhere://bucket/x", "unknown-protocol"),
        ("s3://bucket/x?versionId=3", "bad-url"),
        ("simplecache::s3://bucket/x", "bad-url"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused(url, code):
    with pytest.raises(InvalidInput) as refused:
        check_vault(url)
    assert refused.value.findings[0].code == code
    assert "secret@" not in str(refused.value)


def test_a_missing_package_names_the_extra(monkeypatch):
    import fsspec

    def missing(_: str) -> object:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(InvalidInput, match=r"pip install 'reid-tune\[s3\]'"):
        check_vault("s3://lab/runs")


@pytest.mark.slow
def test_a_store_that_does_not_answer_is_refused_before_any_work_without_telling_secrets(monkeypatch):
    with s3_server(monkeypatch) as server:
        server.down()
        with pytest.raises(ServerUnreachable) as refused:
            reachable("s3://lab/down")
        assert SECRET not in str(refused.value)
        server.up()
    with pytest.raises(ServerUnreachable):
        reachable("s3://no-such-bucket/x")


def test_secrets_of_the_environment_are_in_no_message(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "abcdef123")
    assert told(OSError("who is abcdef123?\nmore")) == "OSError: who is ***?"


def test_a_full_disk_leaves_no_half_file_under_the_url(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.trial.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Vault(f"file://{tmp_path}/vault").put(local(tmp_path / "here"))
    assert list((tmp_path / "vault").iterdir()) == []


def test_a_folder_that_is_not_mounted_is_no_lost_checkpoint(tmp_path):
    url = vault_of(f"file://{tmp_path}/gone", "study", 7)
    ref = CheckpointRef(f"{url}/epoch-0001-0123456789ab.pt", 1, "0" * 64)
    for _ in range(2):
        with pytest.raises(OSError, match="is it mounted") as raised:
            Vault(url, vaults.root_of(url)).fetch(ref, tmp_path)
        assert not isinstance(raised.value, FileNotFoundError)
        (tmp_path / "gone").mkdir(exist_ok=True)  # where it is to be mounted
    assert vaults.is_url(ref.path)


def test_a_trial_whose_folder_is_gone_from_a_store_that_is_there_has_lost_its_checkpoint(tmp_path):
    (tmp_path / "vault" / "study" / "0001").mkdir(parents=True)
    url = vault_of(f"file://{tmp_path}/vault", "study", 7)
    ref = CheckpointRef(f"{url}/epoch-0001-0123456789ab.pt", 1, "0" * 64)
    with pytest.raises(FileNotFoundError):
        Vault(url, vaults.root_of(url)).fetch(ref, tmp_path)


def test_a_bucket_that_may_not_be_listed_forbids_what_is_missing(tmp_path, monkeypatch):
    vault = Vault(f"memory://{tmp_path.name}")
    kept = vault.put(local(tmp_path / "here"))

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError("Forbidden")

    vault._protocol = "s3"
    monkeypatch.setattr(vault._files, "open", forbidden)
    monkeypatch.setattr(vault, "probe", lambda: None)
    with pytest.raises(FileNotFoundError):
        vault.fetch(kept, tmp_path / "there")
    monkeypatch.setattr(vault, "probe", forbidden)
    with pytest.raises(PermissionError):
        vault.fetch(kept, tmp_path / "there")
