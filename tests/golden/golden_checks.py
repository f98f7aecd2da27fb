"""How each recorded function is asked of ours: `CHECKS[function](case)` compares every output of the case."""

from __future__ import annotations

from golden_folder import record

from reid_core.distill import js_divergence, overhaul_distance, overhaul_margin
from reid_core.evaluation import (
    Distance,
    Labels,
    cmc,
    distance_matrix,
    expand_queries,
    mean_average_precision,
    mean_inverse_negative_penalty,
    rank,
    rank_distances,
    rerank,
    tpr_at_fpr,
)
from reid_core.losses import (
    Metric,
    Mining,
    Spread,
    adaptive_cross_entropy,
    center_loss,
    circle_loss,
    cosface_loss,
    cross_entropy,
    focal_loss,
    triplet_loss,
)
from reid_core.modeling.heads import Classifier, ClassifierKind
from reid_core.modeling.layers import GeneralizedMean, GeneralizedMeanLearned, Pool, make_pool
from reid_core.solver import Counting, Decay, ScheduleSettings, Unit, learning_rate

CHECKS = {}


def check(function):
    """Register under the name behind `check_`."""
    CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def labels(case):
    return Labels(*map(case.array, ("query_pids", "gallery_pids", "query_camids", "gallery_camids")))


@check
def check_distance(case):
    metric = Distance(case.setting("metric"))
    case.check(distance=distance_matrix(case.array("query"), case.array("gallery"), metric=metric))


@check
def check_ranking(case):
    people, depth = labels(case), case.setting("max_rank")
    _check_ranking(case, rank_distances(case.array("distance"), people), depth)
    for features in _features_behind(case):
        metric = Distance(features.setting("metric"))
        pair = features.array("query"), features.array("gallery")
        _check_ranking(case, rank(*pair, people, metric=metric, block_rows=7), depth)


def _features_behind(case):
    """The distance cases whose output this case ranks: the same ranking must come from their features, in blocks."""
    wanted = (case.line["file"], case.line["inputs"]["distance"])
    lines = [line for line in record("cases.json") if (line["file"], line["outputs"].get("distance")) == wanted]
    return [type(case)(line) for line in lines if line["function"] == "distance"]


def _check_ranking(case, ranking, depth):
    case.check(
        cmc=cmc(ranking, depth),
        ap=ranking.ap[ranking.valid],
        inp=ranking.inp[ranking.valid],
        mAP=mean_average_precision(ranking),
        mINP=mean_inverse_negative_penalty(ranking),
    )


@check
def check_tpr_at_fpr(case):
    case.check(tpr=tpr_at_fpr(case.array("distance"), labels(case), fpr=case.setting("fpr")))


@check
def check_rerank(case):
    settings = {"k1": case.setting("k1"), "k2": case.setting("k2"), "lambda_": case.setting("lambda")}
    metric = Distance(case.setting("distance"))
    case.check(distance=rerank(case.array("query"), case.array("gallery"), metric=metric, **settings))


@check
def check_query_expansion(case):
    settings = {name: case.setting(name) for name in ("times", "k", "alpha")}
    query, gallery = expand_queries(case.array("query"), case.array("gallery"), **settings)
    case.check(query=query, gallery=gallery)


def check_loss(case, loss, given):
    loss.backward()
    case.check(loss=loss, grad=given.grad)


@check
def check_cross_entropy(case):
    logits, spread = case.tensor("logits", grad=True), Spread(case.setting("spread"))
    smoothing = case.setting("smoothing")
    check_loss(case, cross_entropy(logits, case.tensor("targets"), smoothing=smoothing, spread=spread), logits)


@check
def check_cross_entropy_adaptive(case):
    logits = case.tensor("logits", grad=True)
    check_loss(case, adaptive_cross_entropy(logits, case.tensor("targets"), alpha=case.setting("alpha")), logits)


@check
def check_focal(case):
    logits = case.tensor("logits", grad=True)
    settings = {name: case.setting(name) for name in ("alpha", "gamma")}
    check_loss(case, focal_loss(logits, case.tensor("targets"), **settings), logits)


@check
def check_triplet(case):
    embedding, margin = case.tensor("embedding", grad=True), case.setting("margin")
    loss = triplet_loss(
        embedding,
        case.tensor("targets"),
        margin=margin,
        soft_margin=margin == 0,
        metric=Metric(case.setting("metric")),
        mining=Mining(case.setting("mining")),
    )
    check_loss(case, loss, embedding)


@check
def check_circle(case):
    _check_pairwise(case, circle_loss)


@check
def check_cosface(case):
    _check_pairwise(case, cosface_loss)


def _check_pairwise(case, function):
    embedding = case.tensor("embedding", grad=True)
    settings = {name: case.setting(name) for name in ("margin", "gamma")}
    check_loss(case, function(embedding, case.tensor("targets"), **settings), embedding)


@check
def check_center(case):
    embedding, centers = case.tensor("embedding", grad=True), case.tensor("centers", grad=True)
    check_loss(case, center_loss(embedding, case.tensor("targets"), centers), embedding)
    case.check(grad_centers=centers.grad)


@check
def check_js_divergence(case):
    student = case.tensor("student", grad=True)
    check_loss(case, js_divergence(student, case.tensor("teacher"), temperature=case.setting("temperature")), student)


@check
def check_overhaul_margin(case):
    case.check(margin=overhaul_margin(case.tensor("weight"), case.tensor("bias")))


@check
def check_overhaul_distance(case):
    student = case.tensor("student", grad=True)
    check_loss(case, overhaul_distance(student, case.tensor("teacher"), case.tensor("margin")), student)


@check
def check_classifier(case):
    features = case.tensor("features", grad=True)
    classifier = Classifier(ClassifierKind(case.setting("type")), case.setting("scale"), case.setting("margin"))
    logits, plain = classifier(features, case.tensor("weight"), case.tensor("targets"))
    (logits * case.tensor("cotangent")).sum().backward()
    case.check(output=logits, plain_logits=plain, grad=features.grad)


@check
def check_pooling(case):
    kind, norm = Pool(case.setting("type")), case.setting("norm", 3.0)
    with_exponent = {Pool.GENERALIZED_MEAN: GeneralizedMean, Pool.GENERALIZED_MEAN_LEARNED: GeneralizedMeanLearned}
    pool = with_exponent[kind](norm) if kind in with_exponent else make_pool(kind)
    case.check(output=pool(case.tensor("features")))


@check
def check_lr_per_epoch(case):
    assert case.setting("schedule") == "bag_of_tricks_multistep"
    settings = ScheduleSettings(
        base_lr=case.setting("base_lr"),
        max_epochs=case.setting("epochs"),
        milestones=tuple(case.setting("milestones")),
        gamma=case.setting("gamma"),
        warmup_factor=case.setting("warmup_factor"),
        warmup_epochs=case.setting("warmup_epochs"),
        warmup_unit=Unit.EPOCH,
    )
    for within in (0, 6):  # the first and the last of 7 iterations
        case.check(lr=[learning_rate(epoch * 7 + within, settings, 7) for epoch in range(settings.max_epochs)])


@check
def check_lr_per_iteration(case):
    settings = ScheduleSettings(
        base_lr=case.setting("base_lr"),
        max_epochs=case.setting("epochs"),
        decay=Decay(case.setting("schedule")),
        milestones=tuple(case.setting("steps")),
        gamma=case.setting("gamma"),
        delay_epochs=case.setting("delay_epochs"),
        eta_min_lr=case.setting("eta_min_lr"),
        warmup_factor=case.setting("warmup_factor"),
        warmup_iterations=case.setting("warmup_iterations"),
        counting=Counting.AFTER_WARMUP,
    )
    per_epoch = case.setting("iterations_per_epoch")
    case.check(lr=[learning_rate(step, settings, per_epoch) for step in range(per_epoch * settings.max_epochs)])
