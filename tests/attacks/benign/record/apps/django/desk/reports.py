"""Reports: aggregates, windows, subqueries, unions."""
from django.db.models import (
    Avg, Case, CharField, Count, DecimalField, Exists, F, FloatField, Max, Min, OuterRef, Q, StdDev, Subquery, Sum, TextField, Value, When, Window,
)
from django.db.models.functions import (
    Cast, Coalesce, Concat, DenseRank, ExtractWeekDay, Lag, Length, Lower, NullIf, Rank, RowNumber, TruncDay, TruncMonth, Upper,
)
from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.http import JsonResponse

from . import models
from .api import answers

GROUPS = {
    "status": F("status"), "city": F("customer__city"), "month": TruncMonth("created"), "day": TruncDay("created"),
    "weekday": ExtractWeekDay("created"), "customer": F("customer__name"), "group": F("group"),
}
MEASURES = {
    "count": Count("id"), "sum": Sum("total"), "average": Avg("total"), "max": Max("total"), "min": Min("total"),
    "spread": StdDev("total"), "people": Count("customer", distinct=True), "large": Count("id", filter=Q(total__gt=100)),
    "paid": Sum(Case(When(status="paid", then=F("total")), default=Value(0), output_field=DecimalField())),
    "notes": StringAgg("note", delimiter="; ", output_field=TextField()),
}


def sales(get):
    groups = [g for g in get.get("by", "status").split(",") if g in GROUPS] or ["status"]
    measures = [m for m in get.get("measure", "count").split(",") if m in MEASURES] or ["count"]
    query = models.Order.objects.annotate(**{"by_" + g: GROUPS[g] for g in groups}).values(*["by_" + g for g in groups])
    query = query.annotate(**{"m_" + m: MEASURES[m] for m in measures})
    if get.get("status"):
        query = query.filter(status__in=get["status"].split(","))
    if get.get("since"):
        query = query.filter(created__date__gte=get["since"])
    if get.get("having"):
        query = query.filter(**{"m_" + measures[0] + "__gt": get["having"]}) if measures[0] != "notes" else query
    sort = get.get("sort")
    name = "m_" + sort if sort in measures else "by_" + groups[0]
    return query.order_by("-" + name if get.get("dir") == "desc" else name)[:50]


def ranking(get):
    kind = {"rank": Rank, "dense": DenseRank, "row": RowNumber}.get(get.get("kind"), Rank)
    over = {"price": "price", "stock": "stock", "name": "name"}.get(get.get("over"), "price")
    query = models.Product.objects.annotate(
        place=Window(kind(), partition_by=[F("category")], order_by=F(over).desc()),
        before=Window(Lag(over), order_by=F(over).asc()))
    if get.get("category"):
        query = query.filter(category__name__in=get.getlist("category"))
    return query.values("name", "place", "before").order_by("place", "pk")[:50]


def customers(get):
    orders = models.Order.objects.filter(customer=OuterRef("pk")).order_by("-created")
    query = models.Customer.objects.annotate(
        last=Subquery(orders.values("created")[:1]), bought=Exists(orders.filter(status=get.get("status", "paid"))),
        spent=Coalesce(Sum("order__total"), Value(0), output_field=FloatField()), label=Concat(Upper("name"), Value(" <"), Lower("email"), Value(">")))
    if get.get("name"):
        query = query.filter(label__icontains=get["name"])
    if get.get("bought"):
        query = query.filter(bought=get["bought"] == "true")
    if get.get("min"):
        query = query.filter(spent__gte=get["min"])
    sort = {"name": "name", "spent": "spent", "last": "last"}.get(get.get("sort"), "pk")
    return query.values("label", "spent", "last").order_by(sort, "pk")[:50]


def everything(get):
    """One list from three tables."""
    words = get.get("q", "")
    one = models.Topic.objects.filter(title__icontains=words).values_list("title", Value("topic", output_field=CharField()))
    two = models.Ticket.objects.filter(subject__icontains=words).values_list("subject", Value("ticket", output_field=CharField()))
    three = models.Product.objects.filter(name__icontains=words).values_list("name", Value("product; 'new'", output_field=CharField()))
    return one.union(two, three, all=get.get("all") == "true").order_by("title")[:30]


def forum(get):
    query = models.Post.objects.annotate(
        size=Length("body"), kind=Case(
            When(Q(body__icontains="select") & Q(body__icontains="from"), then=Value("it's SQL")),
            When(body__startswith="--", then=Value("comment -- or list")), default=Value("text"), output_field=CharField()))
    if get.get("kind"):
        query = query.filter(kind=get["kind"])
    return query.values("kind").annotate(n=Count("id"), size=Avg("size"), people=ArrayAgg("author", distinct=True), top=Max("score")).order_by("kind")


def tickets(get):
    query = models.Ticket.objects.annotate(ratio=Cast(F("priority"), FloatField()) / NullIf(Length("body"), Value(0)))
    totals = query.aggregate(
        Avg("ratio"), open=Count("id", filter=Q(state="open")), same=Count("id", filter=Q(state=get.get("state", "open"))), labels=ArrayAgg("subject"))
    return [totals]


REPORTS = {"sales": sales, "ranking": ranking, "customers": customers, "everything": everything, "forum": forum, "tickets": tickets}


@answers
def report(request, name):
    return JsonResponse({"rows": list(REPORTS[name](request.GET))}, json_dumps_params={"default": str})
