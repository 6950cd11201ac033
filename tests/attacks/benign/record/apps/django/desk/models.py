"""A shop with a helpdesk and a forum: names that are SQL's words are on purpose."""
import uuid

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Category(models.Model):
    name = models.CharField(max_length=120, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)
    rank = models.IntegerField(default=0)

    def __str__(self):
        return self.name


class Tag(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self):
        return self.name


class Customer(models.Model):
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=200, unique=True)
    city = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    joined = models.DateField(default=timezone.localdate)
    active = models.BooleanField(default=True)

    def __str__(self):
        return self.name


class Product(models.Model):
    name = models.CharField(max_length=200)
    sku = models.CharField(max_length=60, unique=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    stock = models.IntegerField(default=0)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    tags = models.ManyToManyField(Tag, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    colours = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    released = models.DateField(null=True, blank=True)
    active = models.BooleanField(default=True)
    weight = models.FloatField(null=True, blank=True)

    def __str__(self):
        return self.name


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, default="new")
    created = models.DateTimeField(default=timezone.now)
    total = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    note = models.TextField(blank=True)
    group = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "order"

    def __str__(self):
        return f"order {self.pk}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, related_name="lines", on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    quantity = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    discount = models.FloatField(null=True, blank=True)


class Topic(models.Model):
    title = models.CharField(max_length=300)
    author = models.CharField(max_length=120)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    pinned = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now)
    views = models.IntegerField(default=0)

    def __str__(self):
        return self.title


class Post(models.Model):
    topic = models.ForeignKey(Topic, related_name="posts", on_delete=models.CASCADE)
    author = models.CharField(max_length=120)
    body = models.TextField()
    created = models.DateTimeField(default=timezone.now)
    score = models.IntegerField(default=0)
    address = models.GenericIPAddressField(null=True, blank=True)


class Ticket(models.Model):
    number = models.UUIDField(default=uuid.uuid4, unique=True)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    statement = models.TextField(blank=True)
    priority = models.IntegerField(default=3)
    state = models.CharField(max_length=20, default="open")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL)
    opened = models.DateTimeField(default=timezone.now)
    due = models.DurationField(null=True, blank=True)
    attachment = models.BinaryField(null=True, blank=True)
    labels = ArrayField(models.CharField(max_length=80), default=list, blank=True)

    def __str__(self):
        return self.subject
