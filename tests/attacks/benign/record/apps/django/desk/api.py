"""A JSON interface: filters, order, fields and relations are chosen by the client from closed lists."""
import csv
import io
import json

from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from . import models

TEXT = ("exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "in", "regex", "gt", "lte", "isnull")
NUMBER = ("exact", "gt", "gte", "lt", "lte", "in", "range", "isnull")
DATE = ("exact", "gte", "lt", "range", "year", "month", "week_day", "quarter", "isnull", "year__gte")
MOMENT = DATE + ("date", "hour", "date__gte")
FLAG = ("exact",)
DOCUMENT = ("contains", "has_key", "has_keys", "size", "size__icontains", "isnull")
ARRAY = ("contains", "contained_by", "overlap", "len", "len__gt", "0")

KINDS = {
    "category": (models.Category, {"name": TEXT, "rank": NUMBER, "id": NUMBER, "parent__name": TEXT, "parent": NUMBER}, ("parent",), ()),
    "tag": (models.Tag, {"name": TEXT, "id": NUMBER}, (), ("product_set",)),
    "customer": (
        models.Customer,
        {"name": TEXT, "email": TEXT, "city": TEXT, "notes": TEXT, "data": DOCUMENT, "joined": DATE, "active": FLAG, "id": NUMBER, "order__status": TEXT},
        (),
        ("order_set", "order_set__lines"),
    ),
    "product": (
        models.Product,
        {"name": TEXT, "sku": TEXT, "price": NUMBER, "stock": NUMBER, "description": TEXT, "category__name": TEXT, "category": NUMBER,
         "tags__name": TEXT, "attributes": DOCUMENT, "colours": ARRAY, "released": DATE, "active": FLAG, "weight": NUMBER, "id": NUMBER},
        ("category", "category__parent"),
        ("tags",),
    ),
    "order": (
        models.Order,
        {"status": TEXT, "created": MOMENT, "total": NUMBER, "note": TEXT, "group": TEXT, "customer__name": TEXT, "customer__city": TEXT,
         "lines__product__name": TEXT, "lines__quantity": NUMBER, "id": NUMBER},
        ("customer",),
        ("lines", "lines__product"),
    ),
    "topic": (
        models.Topic,
        {"title": TEXT, "author": TEXT, "pinned": FLAG, "created": MOMENT, "views": NUMBER, "category__name": TEXT, "posts__body": TEXT, "id": NUMBER},
        ("category",),
        ("posts",),
    ),
    "post": (
        models.Post,
        {"author": TEXT, "body": TEXT, "created": MOMENT, "score": NUMBER, "topic__title": TEXT, "topic": NUMBER, "id": NUMBER},
        ("topic", "topic__category"),
        (),
    ),
    "ticket": (
        models.Ticket,
        {"subject": TEXT, "body": TEXT, "statement": TEXT, "priority": NUMBER, "state": TEXT, "opened": MOMENT, "labels": ARRAY, "user__username": TEXT, "id": NUMBER},
        ("user",),
        (),
    ),
}
SEVERAL = ("in", "range", "has_keys", "overlap", "contained_by")


class Refused(Exception):
    pass


def value_of(lookups, lookup, text):
    last = lookup.rsplit("__", 1)[-1]
    if last == "isnull":
        return text == "true"
    if lookups is DOCUMENT and lookup == "contains":
        return json.loads(text)
    if last in SEVERAL or lookups is ARRAY and lookup == "contains":
        parts = [p for p in text.split(",") if p != ""]
        return (parts + parts)[:2] if last == "range" else parts
    if lookups is FLAG:
        return text == "true"
    return text


def choose(request, kind):
    """The query that the parameters ask for; what no list names is refused."""
    model, filters, relations, many = KINDS[kind]
    query = model.objects.all()
    for key, text in request.GET.items():
        if key in ("ordering", "fields", "include", "limit", "offset", "q", "distinct", "_"):
            continue
        name, negated = (key[1:], True) if key.startswith("!") else (key, False)
        for field, lookups in filters.items():
            lookup = name[len(field) + 2:] if name.startswith(field + "__") else "exact" if name == field else ""
            if lookup in lookups:
                condition = Q(**{f"{field}__{lookup}": value_of(lookups, lookup, text)})
                query = query.exclude(condition) if negated else query.filter(condition)
                break
        else:
            raise Refused(f"no filter {key}")
    words = request.GET.get("q", "")
    if words:
        anywhere = Q()
        for field, lookups in filters.items():
            if lookups is TEXT:
                anywhere |= Q(**{f"{field}__icontains": words})
        query = query.filter(anywhere)
    order = [o for o in request.GET.get("ordering", "").split(",") if o.lstrip("-") in filters]
    query = query.order_by(*order, "pk")
    include = request.GET.get("include", "").split(",")
    query = query.select_related(*[r for r in relations if r in include]) if set(relations) & set(include) else query
    query = query.prefetch_related(*[r for r in many if r in include])
    if "distinct" in request.GET:
        query = query.distinct()
    fields = [f for f in request.GET.get("fields", "").split(",") if f in filters]
    return query, fields


def page(request, query):
    start = int(request.GET.get("offset", 0))
    return query[start:start + min(int(request.GET.get("limit", 20)), 100)]


def plain(model, body):
    names = {f.name: f for f in model._meta.get_fields() if getattr(f, "column", None)}
    values = {}
    for key, value in body.items():
        if key not in names or key == "id":
            raise Refused(f"no field {key}")
        values[names[key].attname] = value
    return values


def answers(view):
    """Refusals and wrong values are the client's; anything else is a bug of this program."""
    from django.core.exceptions import FieldError, ObjectDoesNotExist, ValidationError
    from django.db import DataError, IntegrityError

    def wrapped(*args, **kwargs):
        try:
            return view(*args, **kwargs)
        except ObjectDoesNotExist as e:
            return JsonResponse({"error": str(e)}, status=404)
        except (Refused, KeyError, ValueError, ValidationError, FieldError, DataError, IntegrityError) as e:
            return JsonResponse({"error": str(e)}, status=400)

    return wrapped


@method_decorator([csrf_exempt, answers], name="dispatch")
class Many(View):
    def get(self, request, kind):
        query, fields = choose(request, kind)
        total = query.count() if request.GET.get("offset") else None
        rows = list(page(request, query.values(*fields) if fields else query))
        return JsonResponse({"total": total, "rows": [r if fields else {"id": r.pk, "text": str(r)} for r in rows]}, json_dumps_params={"default": str})

    def post(self, request, kind):
        model = KINDS[kind][0]
        made = model.objects.create(**plain(model, json.loads(request.body)))
        return JsonResponse({"id": made.pk}, status=201)


@method_decorator([csrf_exempt, answers], name="dispatch")
class One(View):
    def get(self, request, kind, pk):
        model, _, relations, _ = KINDS[kind]
        found = model.objects.select_related(*relations).get(pk=pk)
        return JsonResponse({"id": found.pk, "text": str(found)})

    def put(self, request, kind, pk):
        model = KINDS[kind][0]
        body = json.loads(request.body)
        with transaction.atomic():
            found = model.objects.select_for_update().get(pk=pk)
            for name, value in plain(model, body).items():
                setattr(found, name, value)
            found.save()
        return JsonResponse({"id": found.pk})

    def patch(self, request, kind, pk):
        model = KINDS[kind][0]
        changed = model.objects.filter(pk=pk).update(**plain(model, json.loads(request.body)))
        return JsonResponse({"changed": changed})

    def delete(self, request, kind, pk):
        gone, _ = KINDS[kind][0].objects.filter(pk=pk).delete()
        return JsonResponse({"deleted": gone})


@csrf_exempt
@answers
def bring_in(request, kind):
    """Rows from JSON, or from a CSV file as spreadsheets write it."""
    model = KINDS[kind][0]
    if request.content_type.startswith("multipart/"):
        text = request.FILES["file"].read().decode("utf-8", "replace")
        rows = list(csv.DictReader(io.StringIO(text)))
    else:
        rows = json.loads(request.body)
    made = model.objects.bulk_create(
        [model(**plain(model, row)) for row in rows], batch_size=50, ignore_conflicts=request.GET.get("conflicts") == "ignore")
    return JsonResponse({"made": len(made)})


@csrf_exempt
@answers
def update_many(request, kind):
    """One statement with a CASE for each row."""
    model = KINDS[kind][0]
    rows = {int(pk): values for pk, values in json.loads(request.body).items()}
    found = list(model.objects.filter(pk__in=list(rows)))
    names = set()
    for row in found:
        for name, value in plain(model, rows[row.pk]).items():
            setattr(row, name, value)
            names.add(name)
    if found and names:
        with transaction.atomic():
            model.objects.bulk_update(found, sorted(names))
    return JsonResponse({"updated": len(found)})


@answers
def export(request, kind):
    """A cursor on the server, read in pieces."""
    query, fields = choose(request, kind)
    fields = fields or ["id"]
    with transaction.atomic():
        lines = [json.dumps(row, default=str) for row in query.values_list(*fields).iterator(chunk_size=10)]
    return HttpResponse("\n".join(lines), content_type="application/x-ndjson")
