"""The list of studies, several beside each other, and the cluster, as the server renders and tells them."""

import re

import pytest
from fastapi.testclient import TestClient
from sample_study import SampleStudy

from dashboards.app import create_app
from orchestrator.service.fleet.cluster import cluster_view
from orchestrator.service.fleet.views import ClusterView, GpuView, StudiesComparison
from orchestrator.service.overview import NodeView
from orchestrator.service.people import People, Role
from orchestrator.service.views_acting import NoteRequest, TagRequest

HTML = {"Accept": "text/html"}


def page(client, path, status=200):
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    return answer.text


def listed(text):
    return re.findall(r'<th scope="row"><a href="/studies/[^"]+">([^<]+)</a>', text)


@pytest.fixture
def resting(service):
    """A study that nobody runs."""
    sample = SampleStudy(service, name="old-sbs", max_epochs=90, started=9000)
    sample.half_way()
    sample.finish()
    return sample


@pytest.mark.slow
def test_search_finds_words_in_names_tags_notes_and_states(client, service, study, resting):
    service.tag(resting.id, TagRequest(add=("cows", "baseline")))
    service.note(resting.id, NoteRequest(text="rate far too low").text)
    assert listed(page(client, "/?q=sbs")) == ["old-sbs"]
    assert listed(page(client, "/?q=tag:cows")) == ["old-sbs"]
    assert listed(page(client, "/?q=too+LOW")) == ["old-sbs"]
    assert listed(page(client, "/?q=state:running")) == ["cows-bnneck"]
    assert "Nothing matches" in page(client, "/?q=nobody")


@pytest.mark.slow
def test_list_is_sorted_as_the_address_says(client, study, resting):
    assert listed(page(client, "/?sort=name")) == ["cows-bnneck", "old-sbs"]
    assert listed(page(client, "/?sort=spent")) == ["old-sbs", "cows-bnneck"]
    assert 'aria-sort="descending"><a href="/?sort=spent">' in page(client, "/?sort=spent")


@pytest.mark.slow
def test_list_says_what_was_spent_of_what_is_planned(client, service, study):
    spent = service.summary(study.id).spent
    assert 0 < spent.trial_hours < spent.trial_hours_planned
    assert spent.gpu_hours is None
    assert f"{spent.trial_hours:.2f}<span" in page(client, "/")


@pytest.mark.slow
def test_archived_studies_are_hidden_until_asked_for(client, service, resting):
    answer = client.post("/fleet/archive", data={"study": resting.id})
    assert answer.status_code == 303
    shown = page(client, answer.headers["location"])
    assert listed(shown) == []
    assert "old-sbs: archived" in shown
    assert ">Undo</button>" in shown
    assert listed(page(client, "/?archived=1")) == ["old-sbs"]
    client.post("/fleet/unarchive", data={"study": resting.id})
    assert listed(page(client, "/")) == ["old-sbs"]


@pytest.mark.slow
def test_a_study_is_deleted_when_it_is_archived_and_its_name_is_typed(client, service, resting):
    def asked(text):
        answer = client.post("/fleet/delete", data={"study": resting.id, "text": text, "archived": "1"})
        return page(client, answer.headers["location"])

    assert "/fleet/delete" not in page(client, "/")
    assert "old-sbs is not archived: only archived studies are deleted" in asked("old-sbs")
    client.post("/fleet/archive", data={"study": resting.id})
    assert "/fleet/delete" in page(client, "/?archived=1")
    assert "deleted for good only where its name is typed" in asked("sbs")
    assert service.summary(resting.id).archived
    assert "old-sbs: deleted for good" in (shown := asked("old-sbs"))
    assert ">Undo</button>" not in shown
    assert listed(shown) == []


@pytest.mark.slow
def test_what_one_study_refuses_the_others_do_not_suffer_from(client, service, study, resting):
    answer = client.post("/fleet/archive", data={"study": [study.id, resting.id]})
    shown = page(client, answer.headers["location"])
    assert "study cows-bnneck is being run: only one at rest can be archived" in shown
    assert service.summary(resting.id).archived
    assert not service.summary(study.id).archived


@pytest.mark.slow
def test_tags_are_added_and_taken_away_from_the_chosen_studies(client, service, resting):
    client.post("/fleet/tag", data={"study": resting.id, "text": "cows, fast"})
    assert service.summary(resting.id).tags == ("cows", "fast")
    client.post("/fleet/tag", data={"study": resting.id, "text": "-cows"})
    assert service.summary(resting.id).tags == ("fast",)


@pytest.mark.slow
def test_a_verb_leads_back_to_the_list_as_it_was(client, resting):
    answer = client.post("/fleet/note", data={"study": resting.id, "text": "n", "q": "sbs", "sort": "best"})
    assert answer.headers["location"].startswith("/?q=sbs&sort=best&flash=")
    assert client.post("/fleet/explode", data={"study": resting.id}).status_code == 404


@pytest.mark.slow
def test_an_address_cannot_make_the_page_say_anything(client, resting):
    assert "hello" not in page(client, "/?flash=hello")


@pytest.mark.slow
def test_catalog_space_starts_in_one_click_and_a_copy_too(client, service, monkeypatch):
    started = []
    monkeypatch.setattr(service, "launch", lambda study, _by="": started.append(study) or service.summary(study))
    answer = client.post("/fleet/start", data={"space": "bnneck"})
    assert answer.headers["location"] == f"/studies/{started[0]}"
    assert client.post("/fleet/start", data={"space": "/etc/passwd"}).status_code == 404
    client.post("/fleet/copy", data={"study": started[0]})
    names = [study.name for study in service.studies()]
    assert len(names) == 2
    assert names[0] == f"{names[1]}-2" or names[0].startswith(names[1].rpartition("-")[0])
    assert len(started) == 2


@pytest.mark.slow
def test_two_hundred_studies_come_a_hundred_a_page(client, service, study, monkeypatch):
    row = service.summary(study.id)
    many = [row.model_copy(update={"id": f"{number:08x}", "name": f"s{number}"}) for number in range(230)]
    monkeypatch.setattr(service, "studies", lambda **_: many)
    text = page(client, "/?sort=name")
    assert len(listed(text)) == 100
    assert "1 to 100 of 230" in text
    assert len(listed(page(client, "/?page=3"))) == 30


@pytest.mark.slow
def test_viewers_see_the_lists_without_what_acts_and_may_not_act(service, study):
    people = People(service.home.people)
    people.add("eve", Role.VIEWER, "a long enough password")
    with TestClient(create_app(service), base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        headers = {"Origin": "http://127.0.0.1:8080"}
        client.post("/login", data={"name": "eve", "password": "a long enough password"}, headers=headers)
        text = page(client, "/")
        assert listed(text) == ["cows-bnneck"]
        assert "/fleet/" not in text
        assert "/fleet/" not in page(client, "/cluster")
        page(client, f"/compare?studies={study.id}")
        for path in ("/fleet/archive", "/fleet/start", "/fleet/priority"):
            assert client.post(path, data={"study": study.id}, headers=headers).status_code == 403
        assert client.get("/launch/samples/any").status_code == 403


@pytest.mark.slow
def test_comparison_names_what_differs_first_and_the_best_at_equal_cost(client, service, study, resting):
    text = page(client, f"/compare?studies={study.id},{resting.id}")
    assert "Best so far at equal cost" in text
    assert "<code>epochs of a full run</code>" in text
    redirected = client.get(f"/compare?study={study.id}&study={resting.id}", headers=HTML)
    assert redirected.headers["location"] == f"/compare?studies={study.id},{resting.id}"
    assert "Choose studies" in page(client, "/compare")
    page(client, "/compare?studies=nope", 404)


@pytest.mark.slow
def test_comparison_is_told_as_json_too(client, study, resting):
    answer = client.get(f"/api/v1/compare?studies={study.id},{resting.id},{study.id}")
    found = StudiesComparison.model_validate_json(answer.content)
    assert [one.study.name for one in found.studies] == ["cows-bnneck", "old-sbs"]
    assert found.studies[0].steps.best == tuple(sorted(found.studies[0].steps.best))
    settings = {each.what: each.values for each in found.settings}
    assert settings["epochs of a full run"] == ("60", "90")
    assert client.get("/api/v1/compare?studies=").status_code == 422


@pytest.mark.slow
def test_cluster_shows_what_runs_where_and_what_failed(client, study):
    text = page(client, "/cluster")
    assert "cows-bnneck / trial 9</a>" in text
    assert "epoch 2 of 7" in text
    assert '<th scope="row">diverged</th><td class="num">1</td>' in text
    found = ClusterView.model_validate_json(client.get("/api/v1/cluster").content)
    assert found.kind == "machine"
    assert [(one.trial, one.epoch, one.to_epoch) for one in found.nodes[0].running] == [(9, 2, 7)]
    assert not found.service.up


def test_cluster_of_ray_nodes_names_those_set_aside_and_what_nobody_can_place(service, study):
    from orchestrator.events import NodeSetAside

    study.append(NodeSetAside(node="node-2", reason="3 of 3 segments were lost there"))
    nodes = [NodeView(name="node-1", cores=8, cores_used=4, gpus=2, gpus_used=1), NodeView(name="node-2", cores=8)]
    found = cluster_view(service, nodes, ray="ray://head:10001")
    assert (found.kind, found.nodes[1].set_aside) == ("ray", "3 of 3 segments were lost there")
    assert [one.trial for one in found.elsewhere] == [9]
    assert found.nodes[0].devices == ()


def test_a_segment_stands_on_its_node_where_only_the_service_names_the_cluster(service):
    from orchestrator.events import SegmentPlaced

    sample = SampleStudy(service, name="on-the-services-ray")
    sample.suggest(1)
    sample.append(SegmentPlaced(segment=sample.start(1, 0, 7), trial=1, worker="north:17"))
    found = cluster_view(service, [NodeView(name="north", cores=4)], ray="head:6379")
    assert [one.trial for one in found.nodes[0].running] == [1]


@pytest.mark.slow
def test_a_segment_stands_on_the_node_whose_worker_took_it_before_it_ended(service, client):
    from orchestrator.events import SegmentPlaced

    sample = SampleStudy(service, name="on-ray", ray_address="ray://head:10001")
    sample.suggest(1)
    segment = sample.start(1, 0, 7)
    unplaced = cluster_view(service, [NodeView(name="north", cores=4)], ray="ray://head:10001")
    assert [one.trial for one in unplaced.elsewhere] == [1]

    sample.append(SegmentPlaced(segment=segment, trial=1, worker="north:17"))
    placed = cluster_view(service, [NodeView(name="north", cores=4)], ray="ray://head:10001")
    assert [one.trial for one in placed.nodes[0].running] == [1]
    assert placed.elsewhere == ()
    trial = client.get("/api/v1/studies/on-ray/trials/1").json()
    assert (trial["node"], trial["segments"][0]["worker"], trial["segments"][0]["outcome"]) == (
        "north",
        "north:17",
        "running",
    )
    assert trial["events"][-1]["text"] == "runs on north:17"
    assert client.get("/api/v1/studies/on-ray").json()["trials"][0]["node"] == "north"


def test_gpus_of_this_machine_stand_on_its_node(service):
    import socket

    gpu = GpuView(number=0, name="G", memory_used=1.0, memory=8.0, busy=0.5)
    found = cluster_view(service, [NodeView(name=socket.gethostname(), cores=2, gpus=1)], [gpu])
    assert found.nodes[0].devices == (gpu,)


@pytest.mark.slow
def test_queue_shows_places_and_takes_priorities(client, service):
    from orchestrator.events import CommandGiven, CommandKind
    from orchestrator.service.asking import ask
    from orchestrator.service.views import StudyRequest

    for name in ("first", "second"):
        made = service.create(StudyRequest(space="bnneck", name=name, trials=2))
        ask(service.store, made.id, CommandGiven(command=CommandKind.QUEUE, by="me"), service.store.now())
    assert "1. in the queue" in page(client, "/?q=first")
    answer = client.post("/fleet/priority", data={"study": "second", "text": "5", "back": "/cluster"})
    assert answer.headers["location"].startswith("/cluster?flash=")
    assert "1. in the queue" in page(client, "/?q=second")
    refused = client.post("/fleet/priority", data={"study": "second", "text": "high", "back": "/cluster"})
    assert "is no priority" in page(client, refused.headers["location"])
