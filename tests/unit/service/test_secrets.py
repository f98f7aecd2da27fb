"""What `redacted` hides, what it leaves, and where secrets are refused before they are kept."""

import pytest

from orchestrator.service.no_secrets import check_no_secrets
from orchestrator.service.secrets import is_secret_name, redacted
from orchestrator.service.service import Service
from orchestrator.service.views import StudyRequest
from reid_core.errors import InvalidInput

SECRET = "hunter2-Tr0ub4dor"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql+psycopg://lab:{SECRET}@db.lab:5432/studies",
        f"cannot connect to postgresql://lab:{SECRET}@db.lab/x?sslmode=require today",
        f"redis://:{SECRET}@head:6379",
        f"ray://user:{SECRET}@head:10001",
        f"postgresql://lab:p@{SECRET}@db.lab/x",
        f"https://{SECRET}-and-more-of-it@git.lab/x",
        f"s3://AKIA:{SECRET}@bucket/key",
        f"https://hooks.slack.com/services/T000/B000/{SECRET}",
        f"https://discord.com/api/webhooks/1234/{SECRET}",
        f"https://lab.webhook.office.com/webhookb2/{SECRET}",
        f"https://lab.example/hook/{SECRET}",
        f"https://minio.lab/x?X-Amz-Signature={SECRET}&X-Amz-Expires=60",
        f"https://minio.lab/x?sig={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"curl -H 'Authorization: Basic {SECRET}' http://x",
        f"reid-tune serve --token {SECRET} --port 1",
        f"reid-tune serve --token={SECRET}",
        f"reid-tune serve --token '{SECRET} with blanks'",
        f"REID_TUNE_TOKEN={SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET} AWS_REGION=eu",
        f'{{"password": "{SECRET}", "user": "ada"}}',
        f"{{'smtp_password': '{SECRET}'}}",
        f"password: {SECRET}",
        f"rtp_{SECRET}",
    ],
)
def test_a_secret_is_hidden_wherever_it_usually_stands(text):
    shown = redacted(text)
    assert SECRET not in shown
    assert "***" in shown
    assert redacted(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "reid-tune run --space bnneck.yaml --trials 12 --data '/data/my photos'",
        "ray://head:10001",
        "sqlite:////home/ada/.reid-tune/mlflow.db",
        "postgresql://lab@db.lab:5432/studies",
        "s3://bucket/key/of/something",
        "http://127.0.0.1:8300/studies/latest?after=3",
        "MODEL.BACKBONE.NAME: build_resnet_backbone, SOLVER.BASE_LR: 0.00035",
        "trial 3 ended at epoch 7: mAP 0.412",
        "2026-01-02 10:11:12 ada@lab.example wrote",
        "token: null",
        '"password": ""',
    ],
)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


def test_users_and_hosts_stay_to_find_the_fault():
    assert redacted(f"postgresql://lab:{SECRET}@db.lab:5432/x") == "postgresql://lab:***@db.lab:5432/x"


@pytest.mark.slow
def test_long_texts_come_back():  # a pattern that tried everything twice would take hours
    text = "a://" * 20_000 + "token" * 20_000 + "x-amz-" * 20_000 + ":@" * 20_000 + "https://h/" * 10_000
    assert redacted(text).startswith("a://")


@pytest.mark.parametrize("name", ["password", "REID_TUNE_TOKEN", "AWS_SECRET_ACCESS_KEY", "smtp-password", "api_key"])
def test_names_of_secrets_are_known(name):
    assert is_secret_name(name)
    assert not is_secret_name("SOLVER.BASE_LR")


@pytest.mark.parametrize(
    "request_of",
    [
        {"ray_address": f"ray://lab:{SECRET}@head:10001"},
        {"data": f"s3://key:{SECRET}@bucket/photos"},
        {"set": {"MODEL.WEIGHTS": f"https://lab:{SECRET}@host/model.pth"}},
        {"teacher": (f"ftp://lab:{SECRET}@host/model.pth",)},
        {"space": f"name: x\nrecipe: https://a:{SECRET}@b/c.yaml\n"},
    ],
)
def test_a_study_with_a_password_in_an_address_is_refused(tmp_path, request_of):
    request = StudyRequest.model_validate({"space": "bnneck", **request_of})
    with pytest.raises(InvalidInput, match="carries a secret") as caught:
        check_no_secrets(request)
    assert SECRET not in str(caught.value)
    service = Service(tmp_path)
    with pytest.raises(InvalidInput, match="carries a secret"):
        service.create(request)
    assert service.studies() == []
    service.close()


@pytest.mark.slow
def test_the_tracking_address_is_shown_without_its_password(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://ada:{SECRET}@mlflow.lab")
    service = Service(tmp_path)
    made = service.create(StudyRequest(space="bnneck", trials=2, max_epochs=3, min_epochs=1, backend="inline"))
    shown = service.study(made.id).model_dump_json()
    assert SECRET not in shown
    assert "ada:***@mlflow.lab" in shown
    assert SECRET not in service.home.store.read_bytes().decode("latin-1")
    service.close()


def test_a_secret_among_the_variables_of_a_runtime_environment_is_refused_without_its_value():
    kept = '{"env_vars": {"NCCL_DEBUG": "WARN", "WANDB_API_KEY": "abc123", "EXTRA": "rtp_0123456789abcdef"}}'
    with pytest.raises(InvalidInput, match="set it where Ray is started") as caught:
        check_no_secrets(StudyRequest(space="demo", runtime_env=kept))
    assert [one.message for one in caught.value.findings] == [
        "env_vars.WANDB_API_KEY is a secret",
        "env_vars.EXTRA is a secret",
    ]
    check_no_secrets(StudyRequest(space="demo", runtime_env='{"env_vars": {"NCCL_DEBUG": "WARN"}}'))
