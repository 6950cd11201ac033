"""Pages for people: forms, baskets, a forum with full text search."""
from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank, SearchVector
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import Count, F, Max, Q
from django.forms import modelform_factory
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.html import escape
from django.views.decorators.csrf import ensure_csrf_cookie

from . import models
from .api import answers

SORTS = {"name": "name", "price": "price", "newest": "-released", "stock": "stock", "order": "id"}


def html(*parts):
    return HttpResponse("<!doctype html>" + "".join(f"<p>{escape(p)}</p>" for p in parts))


@ensure_csrf_cookie
@answers
def shop(request):
    get = request.GET
    query = models.Product.objects.filter(active=True).select_related("category")
    if get.get("q"):
        query = query.filter(Q(name__icontains=get["q"]) | Q(description__icontains=get["q"]) | Q(tags__name__iexact=get["q"])).distinct()
    if get.get("category"):
        query = query.filter(category__name=get["category"])
    if get.get("ids"):
        query = query.filter(pk__in=[int(i) for i in get["ids"].split(",")])
    if get.get("min"):
        query = query.filter(price__gte=get["min"])
    if get.get("max"):
        query = query.filter(price__lte=get["max"])
    if get.getlist("tag"):
        query = query.filter(tags__name__in=get.getlist("tag"))
    if get.get("colour"):
        query = query.filter(colours__contains=[get["colour"]])
    order = SORTS.get(get.get("sort"), "pk")
    if get.get("dir") == "desc":
        order = order[1:] if order.startswith("-") else "-" + order
    shown = Paginator(query.order_by(order, "pk"), 12).get_page(get.get("page"))
    return html(*[f"{p.name} {p.price} {p.category}" for p in shown])


@answers
def basket(request):
    """What is put into the basket becomes an order, with savepoints for what is out of stock."""
    if request.method != "POST":
        return html("basket")
    with transaction.atomic():
        customer, _ = models.Customer.objects.get_or_create(
            email=request.POST["email"], defaults={"name": request.POST["name"], "city": request.POST.get("city", "")})
        order = models.Order.objects.create(customer=customer, note=request.POST.get("note", ""), group=request.POST.get("group", ""))
        for pk, quantity in zip(request.POST.getlist("product"), request.POST.getlist("quantity")):
            try:
                with transaction.atomic():
                    product = models.Product.objects.select_for_update().get(pk=pk)
                    changed = models.Product.objects.filter(pk=pk, stock__gte=int(quantity)).update(stock=F("stock") - int(quantity))
                    if not changed:
                        raise IntegrityError("out of stock")
                    order.lines.create(product=product, quantity=int(quantity), price=product.price)
            except (IntegrityError, models.Product.DoesNotExist):
                continue
        order.total = sum(line.price * line.quantity for line in order.lines.all())
        order.save(update_fields=["total"])
    return HttpResponseRedirect("/shop/")


@answers
def pay(request, pk):
    with transaction.atomic():
        order = get_object_or_404(models.Order.objects.select_for_update(of=("self",)).select_related("customer"), pk=pk)
        order.status = "paid"
        order.note = request.POST.get("reference", "")
        order.save(update_fields=["status", "note"])
        models.OrderLine.objects.filter(order=order).update(discount=None)
    return html(order.customer.name)


@ensure_csrf_cookie
@answers
def forum(request):
    if request.method == "POST":
        with transaction.atomic():
            made = models.Topic.objects.create(title=request.POST["title"][:300], author=request.POST["author"])
            made.posts.create(author=made.author, body=request.POST["body"], address=request.META["REMOTE_ADDR"])
        return HttpResponseRedirect(f"/forum/{made.pk}/")
    topics = models.Topic.objects.annotate(answers=Count("posts"), last=Max("posts__created")).order_by("-pinned", "-last")[:20]
    return html(*[f"{t.title} {t.answers}" for t in topics])


@ensure_csrf_cookie
@answers
def topic(request, pk):
    found = get_object_or_404(models.Topic, pk=pk)
    if request.method == "POST":
        Form = modelform_factory(models.Post, fields=["author", "body", "score"])
        form = Form(request.POST)
        if not form.is_valid():
            return JsonResponse(form.errors, status=400)
        post = form.save(commit=False)
        post.topic = found
        post.save()
        return HttpResponseRedirect(f"/forum/{pk}/")
    models.Topic.objects.filter(pk=pk).update(views=F("views") + 1)
    return html(found.title, *found.posts.order_by("created").values_list("body", flat=True)[:50])


@answers
def search(request):
    words = request.GET.get("q", "")
    how = {"plain": "plain", "phrase": "phrase", "web": "websearch"}.get(request.GET.get("how"), "websearch")
    query = SearchQuery(words, config="english", search_type=how)
    vector = SearchVector("topic__title", weight="A", config="english") + SearchVector("body", weight="B", config="english")
    found = (
        models.Post.objects.annotate(search=vector, rank=SearchRank(vector, query))
        .filter(search=query)
        .order_by("-rank", "-created")
    )
    if request.GET.get("author"):
        found = found.filter(author__iexact=request.GET["author"])
    if request.GET.get("headline"):
        found = found.annotate(headline=SearchHeadline("body", query, start_sel="<b>", stop_sel="</b>"))
    return html(*[p.body for p in found.select_related("topic")[:10]])


@ensure_csrf_cookie
@answers
def ticket(request):
    Form = modelform_factory(models.Ticket, fields=["subject", "body", "statement", "priority", "labels"])
    if request.method != "POST":
        return html("a new ticket")
    form = Form(request.POST)
    if not form.is_valid():
        return JsonResponse(form.errors, status=400)
    made = form.save(commit=False)
    made.user = request.user if request.user.is_authenticated else None
    if "attachment" in request.FILES:
        made.attachment = request.FILES["attachment"].read()
    made.save()
    return HttpResponseRedirect(f"/tickets/{made.number}/")


@answers
def show_ticket(request, number):
    found = get_object_or_404(models.Ticket.objects.select_related("user"), number=number)
    alike = models.Ticket.objects.filter(subject=found.subject).exclude(pk=found.pk).order_by("-opened")[:5]
    return html(found.subject, found.body, found.statement, *[a.subject for a in alike])
